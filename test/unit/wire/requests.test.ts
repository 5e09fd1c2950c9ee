import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseBody } from "../../../src/lib/json.ts";
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
  ])("%j → %s", (body, fault) => {
    expect(faultOf(chat, body)).toBe(fault);
  });
});

const asked = { ...ask, max_tokens: 9 };

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
  ])("%j → %s", (body, fault) => {
    expect(faultOf(messages, body)).toBe(fault);
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
