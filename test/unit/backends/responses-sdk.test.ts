import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type SimulatedBackend, simulatedTokens, startBackend } from "../../../dev/backends/main.ts";
import { collect } from "./raw-client.ts";
import { complaintsOf, PERSON_SCHEMA, PIXEL, TIME_SCHEMA, WEATHER_SCHEMA } from "./sdk-kit.ts";

let backend: SimulatedBackend;
let client: OpenAI;

beforeAll(async () => {
  backend = await startBackend({ ttftMs: 0, tokensPerSecond: 0 });
  client = new OpenAI({ baseURL: `${backend.url}/v1`, apiKey: "none", maxRetries: 0 });
});
beforeEach(() => backend.reset());
afterAll(() => backend.close());

const TOOLS: OpenAI.Responses.FunctionTool[] = [
  { type: "function", name: "get_weather", parameters: WEATHER_SCHEMA, strict: true },
  { type: "function", name: "get_time", parameters: TIME_SCHEMA, strict: true },
];
const CALLS = "[[sim:tools=get_weather,get_time]][[sim:text-before=Let me look.]][[sim:reasoning=4]] go";

// planted: output_tokens left the reasoning out
test("a response has OpenAI's shape and counts tokens by the published rule", async () => {
  const response = await client.responses.create({
    model: "simulated-small",
    input: "Grüezi 🙂",
    instructions: "Be brief.",
  });
  expect(response).toMatchObject({ object: "response", status: "completed", error: null, model: "simulated-small" });
  expect(response.output_text).toMatch(/^Simulated answer/);
  expect(response.usage).toMatchObject({
    input_tokens: 2 * 3 + simulatedTokens("Be brief.") + simulatedTokens("Grüezi 🙂"),
    output_tokens: simulatedTokens(response.output_text),
  });
  const reasoned = await client.responses.create({
    model: "simulated-small",
    input: "hm",
    reasoning: { effort: "low" },
  });
  const { usage } = reasoned;
  expect(usage?.output_tokens_details.reasoning_tokens).toBe(8);
  expect(usage?.output_tokens).toBe(8 + simulatedTokens(reasoned.output_text));
});

// planted: the item of a call was closed without its arguments
test("a stream is accumulated by the SDK to the same response: reasoning, text, parallel calls", async () => {
  const asked = { model: "simulated-small", input: CALLS, tools: TOOLS };
  // Ids of items follow the request id.
  const options = { headers: { "x-request-id": "same" } };
  const whole = await client.responses.create(asked, options);
  expect(whole.output.map(({ type }) => type)).toEqual(["reasoning", "message", "function_call", "function_call"]);
  const events: OpenAI.Responses.ResponseStreamEvent[] = await collect(
    await client.responses.create({ ...asked, stream: true }, options),
  );
  expect(events.map((event) => ("sequence_number" in event ? event.sequence_number : -1))).toEqual(
    events.map((_, index) => index),
  );
  expect(events[0]?.type).toBe("response.created");
  expect(events.at(-1)).toMatchObject({ type: "response.completed", response: { output: whole.output } });
  const done = events.flatMap((event) => (event.type === "response.output_item.done" ? [event.item] : []));
  expect(done).toEqual(whole.output);
  const final = await client.responses.stream(asked, options).finalResponse();
  expect(final.output).toMatchObject(whole.output);
  for (const item of whole.output) {
    if (item.type !== "function_call") continue;
    const schema = item.name === "get_time" ? TIME_SCHEMA : WEATHER_SCHEMA;
    expect(complaintsOf(schema, JSON.parse(item.arguments))).toBeUndefined();
  }
});

// planted: the deltas of arguments lost the last fragment
test("every kind of delta joins to the text of its done event", async () => {
  for (const input of [CALLS, "[[sim:refusal=No, thank you.]]", "[[sim:reasoning=6]] plain"]) {
    const summary = { reasoning: { summary: "auto" as const } };
    const events = await collect(
      await client.responses.create({ model: "simulated-small", input, tools: TOOLS, stream: true, ...summary }),
    );
    const joined = new Map<string, string>();
    for (const event of events) {
      if (!("item_id" in event)) continue;
      const key = `${event.item_id} ${event.type.replace(/\.(delta|done)$/, "")}`;
      if ("delta" in event) joined.set(key, (joined.get(key) ?? "") + String(event.delta));
      else if ("text" in event) expect(joined.get(key)).toBe(event.text);
      else if ("arguments" in event) expect(joined.get(key)).toBe(event.arguments);
      else if ("refusal" in event) expect(joined.get(key)).toBe(event.refusal);
    }
    expect(joined.size).toBeGreaterThan(1);
  }
});

// planted: outputs of functions were not looked for
test("a second turn with outputs answers in text that mentions them, and is taken by a strict reading", async () => {
  const first = [{ role: "user" as const, content: CALLS }];
  const include: OpenAI.Responses.ResponseIncludable[] = ["reasoning.encrypted_content"];
  const asked = { model: "simulated-strict", tools: TOOLS, include, store: false };
  const called = await client.responses.create({ ...asked, input: first });
  const outputs = called.output.flatMap((item) =>
    item.type === "function_call"
      ? [{ type: "function_call_output" as const, call_id: item.call_id, output: "sunny" }]
      : [],
  );
  const history = called.output as OpenAI.Responses.ResponseInputItem[];
  const answer = await client.responses.create({ ...asked, input: [...first, ...history, ...outputs] });
  expect(answer.output_text).toContain("get_weather said sunny. get_time said sunny.");
  const refused = async (input: OpenAI.Responses.ResponseInput, message: string) =>
    expect(client.responses.create({ ...asked, input })).rejects.toThrow(message);
  await refused([...first, ...history], "No tool output found for function call call_");
  await refused([...first, ...outputs], "No tool call found for function call output with call_id call_");
  const changed = history.map((item) => (item.type === "reasoning" ? { ...item, encrypted_content: "made up" } : item));
  await refused([...first, ...changed, ...outputs], "could not be verified");
  await refused([...first, ...history.slice(0, 1)], "without its required following item");
  const open = { type: "json_schema" as const, name: "open", strict: true, schema: { type: "object" } };
  await expect(client.responses.create({ ...asked, input: first, text: { format: open } })).rejects.toThrow(
    "Invalid schema for response_format 'open'",
  );
});

// planted: the part left the annotation out
test("a citation has an event of its own and stands in the part", async () => {
  const asked = { model: "simulated-small", input: "[[sim:citations]] where is that written?" };
  const events = await collect(await client.responses.create({ ...asked, stream: true }));
  const annotation = { type: "url_citation", url: "https://example.invalid/page" };
  expect(events).toContainEqual(
    expect.objectContaining({
      type: "response.output_text.annotation.added",
      annotation: expect.objectContaining(annotation),
    }),
  );
  expect(events.at(-1)).toMatchObject({ response: { output: [{ content: [{ annotations: [annotation] }] }] } });
});

// planted: text.format was ignored
test("structured output, images, limits and errors", async () => {
  const format = { type: "json_schema" as const, name: "person", schema: PERSON_SCHEMA, strict: true };
  const person = await client.responses.create({ model: "simulated-small", input: "who?", text: { format } });
  expect(complaintsOf(PERSON_SCHEMA, JSON.parse(person.output_text))).toBeUndefined();
  const content = [
    { type: "input_image" as const, image_url: `data:image/png;base64,${PIXEL}`, detail: "auto" as const },
  ];
  const seen = await client.responses.create({ model: "simulated-small", input: [{ role: "user", content }] });
  expect(seen.output_text).toContain("an image (image/png");
  const short = await client.responses.create({ model: "simulated-small", input: "x", max_output_tokens: 3 });
  expect(short).toMatchObject({ status: "incomplete", incomplete_details: { reason: "max_output_tokens" } });
  await expect(
    client.responses.create({ model: "simulated-small", input: "x", previous_response_id: "resp_other" }),
  ).rejects.toThrow(OpenAI.NotFoundError);
  const failing = (as: string) =>
    client.responses.create({ model: `simulated-small!error-frame,after=2,as=${as}`, input: "x", stream: true });
  expect((await collect(await failing("failed"))).at(-1)).toMatchObject({
    type: "response.failed",
    response: { status: "failed", error: { code: "server_error" } },
  });
  await expect(failing("error").then(collect)).rejects.toThrow();
});
