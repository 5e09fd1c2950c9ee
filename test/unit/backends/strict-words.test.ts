import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type SimulatedBackend, startBackend } from "../../../dev/backends/main.ts";
import { WEATHER_SCHEMA } from "./sdk-kit.ts";

let backend: SimulatedBackend;
let openai: OpenAI;
let anthropic: Anthropic;

beforeAll(async () => {
  backend = await startBackend({ ttftMs: 0, tokensPerSecond: 0, strict: true });
  openai = new OpenAI({ baseURL: `${backend.url}/v1`, apiKey: "none", maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: backend.anthropicUrl, apiKey: "none", maxRetries: 0 });
});
beforeEach(() => backend.reset());
afterAll(() => backend.close());

const HELLO = [{ role: "user", content: "hello" }];
const FUNCTION = { type: "function", function: { name: "get_weather", parameters: WEATHER_SCHEMA } };
const OPEN = {
  type: "object",
  properties: { deep: { type: "object", properties: {} } },
  required: ["deep"],
  additionalProperties: false,
};
const LOOSE = { type: "object", properties: { a: { type: "string" } }, additionalProperties: false };
const LONG_ID = { id: "x".repeat(41), type: "function", function: { name: "get_weather", arguments: "{}" } };

const OPENAI_CASES: readonly (readonly [name: string, change: object, message: string, code: string | null])[] = [
  ["an extra of vLLM", { cache_salt: "x" }, "Unrecognized request argument supplied: cache_salt", null],
  ["no messages", { messages: undefined }, "Missing required parameter: 'messages'.", "missing_required_parameter"],
  [
    "an unknown role",
    { messages: [{ role: "robot", content: "x" }] },
    "Invalid value: 'robot'. Supported values are: 'system'",
    "invalid_value",
  ],
  [
    "no content",
    { messages: [{ role: "user" }] },
    "Missing required parameter: 'messages[0].content'.",
    "missing_required_parameter",
  ],
  [
    "an unknown part",
    { messages: [{ role: "user", content: [{ type: "image", source: {} }] }] },
    "Invalid value: 'image'",
    "invalid_value",
  ],
  [
    "a long call id",
    { messages: [...HELLO, { role: "assistant", tool_calls: [LONG_ID] }] },
    "string too long. Expected a string with maximum length 40",
    "string_above_max_length",
  ],
  ["no tools in the list", { tools: [] }, "Invalid 'tools': empty array.", "empty_array"],
  ["a choice without tools", { tool_choice: "auto" }, "'tool_choice' is only allowed when 'tools' are specified", null],
  [
    "an unknown function",
    { tools: [FUNCTION], tool_choice: { type: "function", function: { name: "other" } } },
    "function 'other' not found in 'tools'",
    null,
  ],
  [
    "an open schema that is called strict",
    { response_format: { type: "json_schema", json_schema: { name: "open", strict: true, schema: OPEN } } },
    "Invalid schema for response_format 'open': In context=('properties', 'deep'), 'additionalProperties' is required",
    null,
  ],
  [
    "a strict function with a property that is not required",
    { tools: [{ type: "function", function: { name: "loose", strict: true, parameters: LOOSE } }] },
    "Invalid schema for function 'loose': In context=(), 'required' is required to be supplied and to be an array including every key in properties. Missing 'a'.",
    "invalid_function_parameters",
  ],
  ["JSON without the word", { response_format: { type: "json_object" } }, "must contain the word 'json'", null],
];

// planted: code was the integer status, as vLLM's
test.each(OPENAI_CASES)("the strict OpenAI twin refuses %s in OpenAI's words", async (_, change, message, code) => {
  const asked = { model: "simulated-small", messages: HELLO, ...change } as never;
  const error = await openai.chat.completions.create(asked).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({
    status: 400,
    type: "invalid_request_error",
    code,
    message: expect.stringContaining(message),
  });
});

const TEXT = { type: "text", text: "x", cache_control: { type: "ephemeral" } };
const THINKING = { thinking: { type: "enabled", budget_tokens: 1024 } };
const TOOL = { name: "get_weather", input_schema: WEATHER_SCHEMA };

const ANTHROPIC_CASES: readonly (readonly [name: string, change: object, message: string])[] = [
  [
    "a first message of the assistant",
    { messages: [{ role: "assistant", content: "x" }] },
    'first message must use the "user" role',
  ],
  ["an empty text block", { messages: [{ role: "user", content: [{ type: "text", text: "" }] }] }, "non-empty"],
  ["a blank text block", { messages: [{ role: "user", content: [{ type: "text", text: " " }] }] }, "non-whitespace"],
  [
    "a block of the other format",
    { messages: [{ role: "user", content: [{ type: "image_url", image_url: {} }] }] },
    "Input tag 'image_url'",
  ],
  [
    "five cache marks",
    { messages: [{ role: "user", content: [TEXT, TEXT, TEXT, TEXT, TEXT] }] },
    "A maximum of 4 blocks with cache_control may be provided. Found 5.",
  ],
  ["thinking with a temperature", { ...THINKING, temperature: 0.5 }, "`temperature` may only be set to 1"],
  ["thinking with top_k", { ...THINKING, top_k: 3 }, "`top_k` must be unset"],
  [
    "thinking with a forced tool",
    { ...THINKING, tools: [TOOL], tool_choice: { type: "any" } },
    "Thinking may not be enabled when tool_choice forces tool use",
  ],
  [
    "a budget that leaves no room",
    { ...THINKING, max_tokens: 1024 },
    "`max_tokens` must be greater than `thinking.budget_tokens`",
  ],
  ["a choice without tools", { tool_choice: { type: "auto" } }, "while providing tools"],
  ["tools of one name", { tools: [TOOL, TOOL] }, "Tool names must be unique"],
  ["a tool without a schema", { tools: [{ name: "get_weather" }] }, "input_schema: Field required"],
  ["a tool in the other format", { tools: [FUNCTION] }, "tools.0.name: Field required"],
  [
    "an open schema",
    { output_config: { format: { type: "json_schema", schema: OPEN } } },
    "'additionalProperties' must be explicitly set to false",
  ],
  [
    "a beginning that ends in a blank",
    { messages: [...HELLO, { role: "assistant", content: "Well " }] },
    "trailing whitespace",
  ],
];

// planted: marks inside messages were not counted
test.each(ANTHROPIC_CASES)("the strict Anthropic twin refuses %s in Anthropic's words", async (_, change, message) => {
  const asked = { model: "simulated-small", max_tokens: 2000, messages: HELLO, ...change } as never;
  const error = await anthropic.messages.create(asked).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({
    status: 400,
    error: { type: "error", error: { type: "invalid_request_error", message: expect.stringContaining(message) } },
  });
});

// planted: system as blocks was refused
test("what the providers take is taken: merged roles, system as blocks, a beginning to go on from", async () => {
  const taken = { model: "simulated-small", max_tokens: 50, system: [{ type: "text", text: "Be brief." }] };
  const messages = [...HELLO, ...HELLO, { role: "assistant", content: "Well" }];
  expect((await anthropic.messages.create({ ...taken, messages } as never)).type).toBe("message");
  const developer = [
    { role: "developer", content: "Be brief." },
    ...HELLO,
    { role: "assistant", content: null, refusal: "no" },
    ...HELLO,
  ];
  expect(
    (await openai.chat.completions.create({ model: "simulated-small", messages: developer } as never)).object,
  ).toBe("chat.completion");
});

// planted: rules were looked at after the request was read
test("a rule or the model name makes a request strict or lenient; a prompt cannot", async () => {
  const asked = (model: string, content = "hello") =>
    openai.chat.completions.create({ model, messages: [{ role: "user", content }], cache_salt: "x" } as never);
  await expect(asked("simulated-small")).rejects.toThrow("Unrecognized request argument");
  expect((await asked("simulated-small!strict=0")).object).toBe("chat.completion");
  backend.addRule({ match: { format: "openai" }, markers: { strict: "0" } });
  expect((await asked("simulated-small")).object).toBe("chat.completion");
  await expect(asked("simulated-small", "[[sim:strict]]")).rejects.toThrow("comes too late");
});
