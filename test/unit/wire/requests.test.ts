/** What each format finds wrong with a request. Long because every field of both chat formats stands here once. */
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseBody } from "../../../src/lib/json.ts";
import { MAX_IMAGE_BASE64 } from "../../../src/wire/media.ts";
import { wires } from "../../../src/wire/registry.ts";

const chat = wires["openai-chat"];
const messages = wires["anthropic-messages"];
const embeddings = wires["openai-embeddings"];

function decode(wire: typeof chat, value: unknown) {
  const parsed = parseBody(new TextEncoder().encode(JSON.stringify(value)));
  if (!parsed.ok) throw new Error(parsed.problem);
  return wire.decodeRequest(parsed.body);
}
function faultOf(wire: typeof chat, value: unknown) {
  const decoded = decode(wire, value);
  return decoded.ok ? "accepted" : `${decoded.failure.type} ${decoded.failure.code} ${decoded.failure.param}`;
}

const user = [{ role: "user", content: "Hi" }];
const ask = { model: "chat", messages: user };
const say = (content: unknown, role = "user") => ({ ...ask, messages: [...user, { role, content }] });
const tool = { type: "function", function: { name: "f" } };
const missing = "caller_bad_request missing_required_parameter";
const type = "caller_bad_request invalid_type";
const value = "caller_bad_request invalid_value";

describe("a wrong chat request of OpenAI's format is a 400 that names the field", () => {
  // planted: the index of a message counted from 1; `param` of a nested field without its parent
  it.each([
    [{ messages: user }, `${missing} model`],
    [{ model: "chat" }, `${missing} messages`],
    [{ ...ask, messages: "Hi" }, `${type} messages`],
    [{ ...ask, messages: [] }, `${value} messages`],
    [{ ...ask, messages: ["Hi"] }, `${type} messages[0]`],
    [{ ...ask, messages: [{ content: "Hi" }] }, `${missing} messages[0].role`],
    [{ ...ask, messages: [{ role: "robot", content: "Hi" }] }, `${value} messages[0].role`],
    [{ ...ask, messages: [{ role: "__proto__", content: "Hi" }] }, `${value} messages[0].role`],
    [{ ...ask, messages: [{ role: 7, content: "Hi" }] }, `${type} messages[0].role`],
    [say(undefined), `${missing} messages[1].content`],
    [say(null), `${missing} messages[1].content`],
    [say(7), `${type} messages[1].content`],
    [say({ text: "Hi" }), `${type} messages[1].content`],
    [say(["Hi"]), `${type} messages[1].content[0]`],
    [say([{ text: "Hi" }]), `${missing} messages[1].content[0].type`],
    [say([{ type: "text" }]), `${missing} messages[1].content[0].text`],
    [
      say([
        { type: "text", text: "a" },
        { type: "text", text: 1 },
      ]),
      `${type} messages[1].content[1].text`,
    ],
    [say([{ type: "image_url" }]), `${missing} messages[1].content[0].image_url`],
    [say([{ type: "image_url", image_url: 7 }]), `${type} messages[1].content[0].image_url`],
    [{ ...ask, model: 7 }, `${type} model`],
    [{ ...ask, model: "" }, `${value} model`],
    [{ ...ask, model: "a\nb" }, `${value} model`],
    [{ ...ask, model: "a\u0000b" }, `${value} model`],
    [{ ...ask, model: "a\u2028b" }, `${value} model`],
    [{ ...ask, model: "a\ud800b" }, `${value} model`],
    [{ ...ask, model: "x".repeat(257) }, `${value} model`],
    [{ ...ask, user: "a\u009fb" }, `${value} user`],
    [{ ...ask, safety_identifier: "" }, `${value} safety_identifier`],
    [{ ...ask, messages: [{ role: "user", content: "Hi", name: "a\u007fb" }] }, `${value} messages[0].name`],
    [{ ...ask, stop: "" }, `${value} stop`],
    [{ ...ask, stop: ["END", "a\u0000"] }, `${value} stop[1]`],
    [{ ...ask, stop: [7] }, `${type} stop[0]`],
    [{ ...ask, stop: { a: 1 } }, `${type} stop`],
    [{ ...ask, stop: "x".repeat(257) }, `${value} stop`],
    [{ ...ask, max_tokens: 0 }, `${value} max_tokens`],
    [{ ...ask, max_tokens: 1.5 }, `${type} max_tokens`],
    [{ ...ask, max_completion_tokens: "9" }, `${type} max_completion_tokens`],
    [{ ...ask, temperature: 2.1 }, `${value} temperature`],
    [{ ...ask, temperature: "hot" }, `${type} temperature`],
    [{ ...ask, top_p: -0.1 }, `${value} top_p`],
    [{ ...ask, n: 0 }, `${value} n`],
    [{ ...ask, n: 129 }, `${value} n`],
    [{ ...ask, seed: 1.5 }, `${type} seed`],
    [{ ...ask, frequency_penalty: 3 }, `${value} frequency_penalty`],
    [{ ...ask, presence_penalty: true }, `${type} presence_penalty`],
    [{ ...ask, stream: "yes" }, `${type} stream`],
    [{ ...ask, stream: true, stream_options: [] }, `${type} stream_options`],
    [{ ...ask, stream: true, stream_options: { include_usage: 1 } }, `${type} stream_options.include_usage`],
    [{ ...ask, temperature: 9, model: 7 }, `${type} model`],
    [{ ...ask, tools: {}, tool_choice: 7 }, "accepted"],
    [{ ...ask, tools: "f" }, `${type} tools`],
    [{ ...ask, tools: ["f"] }, `${type} tools[0]`],
    [{ ...ask, tools: [{ type: 7 }] }, `${type} tools[0].type`],
    [{ ...ask, tools: [{ type: "function" }] }, `${missing} tools[0].function`],
    [{ ...ask, tools: [tool, { type: "function", function: {} }] }, `${missing} tools[1].function.name`],
    [{ ...ask, tools: [{ function: { name: "f", parameters: [] } }] }, `${type} tools[0].function.parameters`],
    [{ ...ask, tools: [{ function: { name: "f", strict: "yes" } }] }, `${type} tools[0].function.strict`],
    [{ ...ask, tools: [tool], tool_choice: "some" }, `${value} tool_choice`],
    [{ ...ask, tools: [tool], tool_choice: { name: "f" } }, `${missing} tool_choice.type`],
    [{ ...ask, tools: [tool], tool_choice: { type: "function" } }, `${missing} tool_choice.function`],
    [
      { ...ask, tools: [tool], tool_choice: { type: "function", function: {} } },
      `${missing} tool_choice.function.name`,
    ],
    [{ ...ask, tools: [tool], parallel_tool_calls: 1 }, `${type} parallel_tool_calls`],
    [{ ...ask, response_format: "json" }, `${type} response_format`],
    [{ ...ask, response_format: {} }, `${missing} response_format.type`],
    [{ ...ask, response_format: { type: "json_schema" } }, `${missing} response_format.json_schema`],
    [
      { ...ask, response_format: { type: "json_schema", json_schema: {} } },
      `${missing} response_format.json_schema.name`,
    ],
    [
      { ...ask, response_format: { type: "json_schema", json_schema: { name: "n", schema: "{}" } } },
      `${type} response_format.json_schema.schema`,
    ],
    [{ ...ask, reasoning_effort: 3 }, `${type} reasoning_effort`],
    [{ ...ask, logprobs: 3 }, `${type} logprobs`],
    [{ ...ask, top_logprobs: 1.5 }, `${type} top_logprobs`],
    [{ ...ask, service_tier: 1 }, `${type} service_tier`],
    [{ ...ask, prompt_cache_key: {} }, `${type} prompt_cache_key`],
    [say("7", "tool"), `${missing} messages[1].tool_call_id`],
    [say("7", "function"), `${missing} messages[1].name`],
    [{ ...ask, messages: [{ role: "assistant", tool_calls: "c" }] }, `${type} messages[0].tool_calls`],
    [{ ...ask, messages: [{ role: "assistant", tool_calls: [{}] }] }, `${missing} messages[0].tool_calls[0].id`],
    [
      { ...ask, messages: [{ role: "assistant", tool_calls: [{ id: "c" }] }] },
      `${missing} messages[0].tool_calls[0].function`,
    ],
    [
      { ...ask, messages: [{ role: "assistant", tool_calls: [{ id: "c", function: {} }] }] },
      `${missing} messages[0].tool_calls[0].function.name`,
    ],
    [
      { ...ask, messages: [{ role: "assistant", tool_calls: [{ id: "c", function: { name: "f", arguments: {} } }] }] },
      `${type} messages[0].tool_calls[0].function.arguments`,
    ],
    [{ ...ask, messages: [{ role: "assistant", function_call: {} }] }, "accepted"],
    [
      { ...ask, messages: [{ role: "assistant", function_call: { arguments: "" } }] },
      `${missing} messages[0].function_call.name`,
    ],
    [say([{ type: "image_url", image_url: {} }]), `${missing} messages[1].content[0].image_url.url`],
    [say([{ type: "image_url", image_url: { url: "" } }]), `${value} messages[1].content[0].image_url.url`],
    [say([{ type: "image_url", image_url: "data:image/png,x" }]), `${value} messages[1].content[0].image_url`],
    [
      say([{ type: "image_url", image_url: { url: "data:;base64,AA==" } }]),
      `${value} messages[1].content[0].image_url.url`,
    ],
    [
      say([{ type: "image_url", image_url: { url: "data:image/png;base64,<p>" } }]),
      `${value} messages[1].content[0].image_url.url`,
    ],
    [say([{ type: "file" }]), `${missing} messages[1].content[0].file`],
    [say([{ type: "file", file: {} }]), `${missing} messages[1].content[0].file.file_data`],
    [say([{ type: "refusal" }]), `${missing} messages[1].content[0].refusal`],
  ])("%j → %s", (body, fault) => {
    expect(faultOf(chat, body)).toBe(fault);
  });
});

const asked = { ...ask, max_tokens: 9 };
const own = { name: "f", input_schema: { type: "object" } };
const sent = (block: unknown) => ({ ...asked, messages: [{ role: "user", content: [block] }] });

describe("a wrong request of Anthropic's format is a 400 that names the field", () => {
  it.each([
    [ask, `${missing} max_tokens`],
    [{ ...asked, max_tokens: null }, `${missing} max_tokens`],
    [{ ...asked, max_tokens: "9" }, `${type} max_tokens`],
    [{ max_tokens: 9, messages: user }, `${missing} model`],
    [{ model: "chat", max_tokens: 9 }, `${missing} messages`],
    [{ ...asked, system: 7 }, `${type} system`],
    [{ ...asked, system: [{ type: "text" }] }, `${missing} system[0].text`],
    [{ ...asked, messages: [{ role: "tool", content: "x" }] }, `${value} messages[0].role`],
    [{ ...asked, messages: [{ role: "user" }] }, `${missing} messages[0].content`],
    [
      { ...asked, messages: [{ role: "user", content: [{ type: "thinking" }] }] },
      `${missing} messages[0].content[0].thinking`,
    ],
    [{ ...asked, temperature: 1.1 }, `${value} temperature`],
    [{ ...asked, top_k: -1 }, `${value} top_k`],
    [{ ...asked, stop_sequences: "END" }, `${type} stop_sequences`],
    [{ ...asked, stop_sequences: ["a", ""] }, `${value} stop_sequences[1]`],
    [{ ...asked, metadata: "x" }, `${type} metadata`],
    [{ ...asked, metadata: { user_id: "a\tb" } }, `${value} metadata.user_id`],
    [{ ...asked, tools: [{}] }, `${missing} tools[0].name`],
    [{ ...asked, tools: [{ name: "f" }] }, `${missing} tools[0].input_schema`],
    [{ ...asked, tools: [{ name: "f", input_schema: "{}" }] }, `${type} tools[0].input_schema`],
    [{ ...asked, tools: [own], tool_choice: "auto" }, `${type} tool_choice`],
    [{ ...asked, tools: [own], tool_choice: {} }, `${missing} tool_choice.type`],
    [{ ...asked, tools: [own], tool_choice: { type: "required" } }, `${value} tool_choice.type`],
    [{ ...asked, tools: [own], tool_choice: { type: "tool" } }, `${missing} tool_choice.name`],
    [
      { ...asked, tools: [own], tool_choice: { type: "auto", disable_parallel_tool_use: 1 } },
      `${type} tool_choice.disable_parallel_tool_use`,
    ],
    [{ ...asked, output_config: [] }, `${type} output_config`],
    [{ ...asked, output_config: { format: {} } }, `${missing} output_config.format.type`],
    [{ ...asked, output_config: { format: { type: "json_schema" } } }, `${missing} output_config.format.schema`],
    [{ ...asked, output_format: { type: "json_schema" } }, `${missing} output_format.schema`],
    [{ ...asked, thinking: {} }, `${missing} thinking.type`],
    [{ ...asked, thinking: { type: "enabled" } }, `${missing} thinking.budget_tokens`],
    [{ ...asked, thinking: { type: "enabled", budget_tokens: "9" } }, `${type} thinking.budget_tokens`],
    [sent({ type: "image" }), `${missing} messages[0].content[0].source`],
    [sent({ type: "image", source: {} }), `${missing} messages[0].content[0].source.type`],
    [sent({ type: "image", source: { type: "url" } }), `${missing} messages[0].content[0].source.url`],
    [
      sent({ type: "image", source: { type: "base64", data: "AA==" } }),
      `${missing} messages[0].content[0].source.media_type`,
    ],
    [
      sent({ type: "document", source: { type: "base64", media_type: "application/pdf" } }),
      `${missing} messages[0].content[0].source.data`,
    ],
    [
      sent({ type: "document", source: { type: "base64", media_type: "application/pdf", data: "\u0000" } }),
      `${value} messages[0].content[0].source.data`,
    ],
    [sent({ type: "tool_use", id: "t", name: "f" }), `${missing} messages[0].content[0].input`],
    [sent({ type: "tool_use", id: "t", name: "f", input: "{}" }), `${type} messages[0].content[0].input`],
    [sent({ type: "tool_use", name: "f", input: {} }), `${missing} messages[0].content[0].id`],
    [sent({ type: "tool_result", content: "7" }), `${missing} messages[0].content[0].tool_use_id`],
    [sent({ type: "tool_result", tool_use_id: "t", content: 7 }), `${type} messages[0].content[0].content`],
    [
      sent({ type: "tool_result", tool_use_id: "t", content: [{ type: "text" }] }),
      `${missing} messages[0].content[0].content[0].text`,
    ],
    [sent({ type: "tool_result", tool_use_id: "t", is_error: "yes" }), `${type} messages[0].content[0].is_error`],
    [sent({ type: "redacted_thinking" }), `${missing} messages[0].content[0].data`],
    [sent({ type: "text", text: "?", cache_control: "on" }), `${type} messages[0].content[0].cache_control`],
  ])("%j → %s", (body, fault) => {
    expect(faultOf(messages, body)).toBe(fault);
  });
});

describe("base64", () => {
  // planted: the cap compared with the length of the whole URL
  it("is refused above its cap with the field's name, in both formats, and taken at it", () => {
    const image = (length: number) => "A".repeat(length);
    const urlOf = (length: number) =>
      say([{ type: "image_url", image_url: { url: `data:image/png;base64,${image(length)}` } }]);
    const blockOf = (length: number) =>
      sent({ type: "image", source: { type: "base64", media_type: "image/png", data: image(length) } });
    expect(faultOf(chat, urlOf(MAX_IMAGE_BASE64))).toBe("accepted");
    expect(faultOf(chat, urlOf(MAX_IMAGE_BASE64 + 1))).toBe(`${value} messages[1].content[0].image_url.url`);
    expect(faultOf(messages, blockOf(MAX_IMAGE_BASE64))).toBe("accepted");
    expect(faultOf(messages, blockOf(MAX_IMAGE_BASE64 + 1))).toBe(`${value} messages[0].content[0].source.data`);
  });
});

describe("a wrong embedding request is a 400 that names the field", () => {
  it.each([
    [{ model: "e" }, `${missing} input`],
    [{ input: "x" }, `${missing} model`],
    [{ model: "e", input: [] }, `${value} input`],
    [{ model: "e", input: {} }, `${type} input`],
    [{ model: "e", input: ["a", 7] }, `${type} input[1]`],
    [{ model: "e", input: [[1], []] }, `${type} input[1]`],
    [{ model: "e", input: [1, -1] }, `${type} input[0]`],
    [{ model: "e", input: Array.from({ length: 2049 }, () => "a") }, `${value} input`],
    [{ model: "e", input: "x", encoding_format: "hex" }, `${value} encoding_format`],
    [{ model: "e", input: "x", dimensions: 0 }, `${value} dimensions`],
  ])("%# → %s", (body, fault) => {
    expect(faultOf(embeddings, body)).toBe(fault);
  });
});

describe("content", () => {
  const file = new URL("../../../../shared/data/naughty-strings.json", import.meta.url);
  const awkward = [
    "",
    "\u0000",
    "\ufeff",
    "\ud800",
    "<script>",
    "'; DROP TABLE",
    "‮",
    "\\u0000",
    "{{7*7}}",
    "🏳️‍🌈",
    "\r\n\r\n",
  ];
  const strings: string[] = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : awkward;

  // planted: a `trim()` of text parts
  it("is never altered: every awkward string arrives as it was sent, in both formats", () => {
    for (const text of [...awkward, ...strings]) {
      for (const wire of [chat, messages]) {
        for (const content of [text, [{ type: "text", text }]]) {
          const decoded = decode(wire, { ...asked, system: undefined, messages: [{ role: "user", content }] });
          expect(decoded).toMatchObject({ ok: true, value: { messages: [{ content: [{ type: "text", text }] }] } });
        }
      }
    }
  });

  it("may be anything where an identifier may not: control characters in a name are a 400 for every awkward string that has them", () => {
    const unfit = strings.filter(
      (text) => text === "" || text.length > 256 || /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]/u.test(text),
    );
    expect(unfit.length).toBeGreaterThan(0);
    for (const text of unfit) {
      expect(faultOf(chat, { ...ask, model: text })).toBe(`${value} model`);
      expect(faultOf(chat, { ...ask, user: text })).toBe(`${value} user`);
      expect(faultOf(messages, { ...asked, metadata: { user_id: text } })).toBe(`${value} metadata.user_id`);
      expect(faultOf(embeddings, { model: text, input: "x" })).toBe(`${value} model`);
    }
    for (const text of strings)
      expect(faultOf(chat, { ...ask, model: text, user: text })).toMatch(/accepted|invalid_value/);
  });
});
