import { describe, expect, test } from "vitest";
import { UNTRANSLATABLE } from "../../../src/core/failure.ts";
import type { AttemptRequest, WireName } from "../../../src/core/wire.ts";
import { parseBody } from "../../../src/lib/json.ts";
import { wires } from "../../../src/wire/registry.ts";

const HI = [{ role: "user", content: "hi" }];

function attemptOf(body: object, from: WireName, stream = false): AttemptRequest {
  const parsed = parseBody(new TextEncoder().encode(JSON.stringify({ model: "chat", ...body })));
  if (!parsed.ok) throw new Error(parsed.problem);
  const draft = wires[from].decodeRequest(parsed.body);
  if (!draft.ok) throw new Error(draft.failure.message);
  const model = "@cf/meta/llama";
  return { draft: draft.value, body: parsed.body, clientWire: from, model, stream, quirks: new Set() };
}

function sent(body: object, from: WireName = "openai-chat", stream = false) {
  const to: WireName =
    from === "openai-embeddings" ? "workers-ai-embeddings" : from === "rerank" ? "workers-ai-rerank" : "workers-ai";
  const encoded = wires[to].encodeRequest(attemptOf(body, from, stream));
  if (!encoded.ok) return { refused: encoded.failure.param, detail: encoded.failure.detail };
  const { path, translations } = encoded.value;
  return { path, json: JSON.parse(encoded.value.body), notes: translations.map((one) => `${one.field} ${one.what}`) };
}

describe("a chat request for Workers AI", () => {
  // planted: unknown fields passed on; the role of developers left
  test("has its parameters alone, the model as its path, and the rest is named", () => {
    const messages = [{ role: "developer", content: "be brief" }, ...HI];
    const body = { messages, temperature: 0.5, seed: 7, user: "u", metadata: { a: "b" }, stream: true };
    expect(sent(body, "openai-chat", true)).toEqual({
      path: "/@cf/meta/llama",
      json: { messages: [{ role: "system", content: "be brief" }, ...HI], temperature: 0.5, seed: 7, stream: true },
      notes: ["user dropped", "metadata dropped", "messages[].role mapped"],
    });
  });

  // planted: built from the draft for a caller of its own words, which has no word for `repetition_penalty`; the caller's own cap sent
  test("is the caller's own where they speak the words that it takes, capped", () => {
    const mine = [{ role: "user", content: [{ type: "text", text: "hi", own: 1 }] }];
    const body = { messages: mine, max_completion_tokens: 900, repetition_penalty: 1.1, stream_options: {} };
    const encoded = wires["workers-ai"].encodeRequest({ ...attemptOf(body, "openai-chat"), maxOutputTokens: 64 });
    if (!encoded.ok) throw new Error(encoded.failure.message);
    expect(JSON.parse(encoded.value.body)).toEqual({ messages: mine, max_tokens: 64, repetition_penalty: 1.1 });
    expect(encoded.value.translations).toEqual([{ field: "max_tokens", what: "mapped" }]);
  });

  test("is made from Anthropic's words as well", () => {
    const body = { system: "be brief", messages: HI, max_tokens: 9, stop_sequences: undefined };
    expect(sent(body, "anthropic-messages").json).toMatchObject({
      max_tokens: 9,
      messages: [{ role: "system" }, ...HI],
    });
  });

  // planted: the named schema sent as it is; `stream` kept beside it
  test("asks for structure in its own way, and not for a stream of it", () => {
    const schema = { type: "object", properties: {} };
    const response_format = { type: "json_schema", json_schema: { name: "p", strict: true, schema } };
    const { json, notes } = sent({ messages: HI, response_format, stream: true }, "openai-chat", true);
    expect(json).toEqual({ messages: HI, response_format: { type: "json_schema", json_schema: schema } });
    expect(notes).toEqual(["response_format mapped"]);
  });

  // planted: `stop` dropped
  test.each([
    ["n", { n: 2 }],
    ["stop", { stop: ["END"] }],
    ["logprobs", { logprobs: true }],
    ["logit_bias", { logit_bias: { 1: 2 } }],
    ["tool_choice", { tools: [{ type: "function", function: { name: "f" } }], tool_choice: "required" }],
  ])("refuses what it cannot say: %s", (field, members) => {
    expect(sent({ messages: HI, ...members })).toEqual({ refused: field, detail: UNTRANSLATABLE });
  });
});

describe("an answer of Workers AI in its own shape", () => {
  const decode = (json: object) => wires["workers-ai"].decodeAnswer(JSON.parse(JSON.stringify(json)));

  // planted: an object in `response` read as nothing; calls without an id refused
  test.each<[string, object, object]>([
    ["a text", { response: "Hello" }, { blocks: [{ type: "text", text: "Hello" }], finish: { kind: "stop" } }],
    ["JSON mode", { response: { age: 7 } }, { blocks: [{ type: "text", text: '{"age":7}' }] }],
    [
      "calls",
      { response: null, tool_calls: [{ name: "f", arguments: { a: 1 } }] },
      { blocks: [{ type: "tool", id: "call_0", name: "f", json: '{"a":1}' }], finish: { kind: "tool" } },
    ],
  ])("%s", (_, json, choice) => {
    const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
    expect(decode({ ...json, usage })).toMatchObject({
      ok: true,
      value: { choices: [choice], usage: { inputTokens: 3, outputTokens: 2 } },
    });
  });

  test("is none without a response", () => {
    for (const json of [{ usage: {} }, { tool_calls: [{ arguments: {} }] }, { result: { response: "x" } }])
      expect(decode(json)).toMatchObject({ ok: false });
  });
});

// planted: tokens sent as texts
test("embeddings: texts alone, in their own length", () => {
  expect(sent({ input: ["a", "b"], user: "u" }, "openai-embeddings")).toEqual({
    path: "/@cf/meta/llama",
    json: { text: ["a", "b"] },
    notes: ["user dropped"],
  });
  expect(sent({ input: [1, 2] }, "openai-embeddings").refused).toBe("input");
  expect(sent({ input: "a", dimensions: 8 }, "openai-embeddings").refused).toBe("dimensions");
});

describe("a ranking by Workers AI", () => {
  const asked = { query: "q", documents: ["a", { text: "b", title: "t" }] };

  // planted: `top_k` only where the caller says `top_n`; the title dropped without a word
  test("is asked for all that the caller means, and what it cannot hold is named", () => {
    expect(sent({ ...asked, user: "u", rank_fields: ["title"] }, "rerank")).toEqual({
      path: "/@cf/meta/llama",
      json: { query: "q", contexts: [{ text: "a" }, { text: "b" }], top_k: 2 },
      notes: ["rank_fields dropped", "documents[].title dropped", "user dropped"],
    });
    expect(sent({ ...asked, top_n: 1 }, "rerank").json).toMatchObject({ top_k: 1 });
  });

  // planted: the test for empty texts left out
  test.each([
    ["query", { query: "" }],
    ["documents", { documents: ["a", ""] }],
  ])("is refused where it takes no empty text: %s", (field, members) => {
    expect(sent({ ...asked, ...members }, "rerank")).toEqual({ refused: field, detail: UNTRANSLATABLE });
  });

  // planted: results in the order in which they came
  test("puts the best first, whatever the order it came in; and what is no rank is no answer", () => {
    const decode = (response: object[]) =>
      wires["workers-ai-rerank"].decodeAnswer(JSON.parse(JSON.stringify({ response })));
    const scored = [
      { id: 0, score: 0.1 },
      { id: 1, score: 0.9 },
    ];
    expect(decode(scored)).toMatchObject({ value: { results: [{ index: 1 }, { index: 0 }] } });
    for (const wrong of [{ id: 0 }, { score: 1 }, { id: 0, score: "1" }, [0, 1]])
      expect(decode([...scored, wrong])).toMatchObject({ failure: { detail: "malformed_result" } });
  });
});
