/** What clients of Responses ask of each format's backend, and what a backend of Responses is asked by each format's clients. Long because all pairs stand here. */
import { describe, expect, it, vi } from "vitest";
import type { Quirk, WireName } from "../../../src/core/wire.ts";
import { parseBody } from "../../../src/lib/json.ts";
import { wires } from "../../../src/wire/registry.ts";

const RESPONSES = "openai-responses";

function parsed(text: string) {
  const body = parseBody(new TextEncoder().encode(text));
  if (!body.ok) throw new Error(body.problem);
  return body.body;
}

const FINISHED = { kind: "tool", raw: "completed" } as const;

const decoded = (body: unknown) => wires[RESPONSES].decodeRequest(parsed(JSON.stringify(body)));

interface Wish {
  readonly from?: WireName;
  readonly to?: WireName;
  readonly stream?: boolean;
  readonly maxOutputTokens?: number;
  readonly quirks?: readonly Quirk[];
}

function encode(request: unknown, { from = RESPONSES, to = RESPONSES, stream = false, ...more }: Wish = {}) {
  const body = parsed(typeof request === "string" ? request : JSON.stringify(request));
  const draft = wires[from].decodeRequest(body);
  if (!draft.ok) throw new Error(draft.failure.message);
  const { quirks = [], maxOutputTokens } = more;
  const encoded = wires[to].encodeRequest({
    draft: draft.value,
    body,
    clientWire: from,
    model: "target",
    stream,
    ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    quirks: new Set(quirks),
  });
  if (!encoded.ok) return { refused: encoded.failure.param };
  const { translations, path } = encoded.value;
  const notes = translations.map(({ field, what }) => `${field} ${what}`);
  return { text: encoded.value.body, json: JSON.parse(encoded.value.body), notes, path };
}

describe("a request of a Responses client", () => {
  // planted: `background` ignored
  it.each([
    [{ conversation: "conv_1" }, "conversation"],
    [{ background: true }, "background"],
  ])("is refused where the gateway would have to keep something: %o", (more, param) => {
    expect(decoded({ model: "chat", input: "?", ...more })).toMatchObject({
      ok: false,
      failure: { type: "caller_bad_request", param, code: "unsupported_parameter" },
    });
  });

  // planted: an answer kept only where `store` is said; `previous_response_id` among the unknown fields
  it("says whether its answer is to be kept, as it is unless told otherwise, and which kept one it goes on from", () => {
    const read = (more: object) => decoded({ model: "chat", input: "?", ...more });
    expect(read({})).toMatchObject({ value: { keep: true, unknownFields: [] } });
    expect(read({ store: null })).toMatchObject({ value: { keep: true, unknownFields: [] } });
    expect(read({ store: true })).toMatchObject({ value: { keep: true, unknownFields: ["store"] } });
    expect(read({ store: false })).toMatchObject({ value: { keep: false, unknownFields: [] } });
    expect(read({ previous_response_id: null })).not.toHaveProperty("value.previous");
    expect(read({ previous_response_id: "resp_0" })).toMatchObject({
      value: { previous: "resp_0", unknownFields: [] },
    });
    expect(read({ previous_response_id: 7 })).toMatchObject({ failure: { param: "previous_response_id" } });
    expect(read({ store: "yes" })).toMatchObject({ failure: { param: "store" } });
  });

  it.each([
    [{ input: undefined }, "input", "missing_required_parameter"],
    [{ input: 7 }, "input", "invalid_type"],
    [{ input: [] }, "input", "invalid_value"],
    [{ input: ["x"] }, "input[0]", "invalid_type"],
    [{ input: [{ role: "tool", content: "x" }] }, "input[0].role", "invalid_value"],
    [{ input: [{ role: "user" }] }, "input[0].content", "missing_required_parameter"],
    [
      { input: [{ role: "user", content: [{ type: "input_text" }] }] },
      "input[0].content[0].text",
      "missing_required_parameter",
    ],
    [
      { input: [{ role: "user", content: [{ type: "input_image" }] }] },
      "input[0].content[0].image_url",
      "missing_required_parameter",
    ],
    [
      { input: [{ role: "user", content: [{ type: "input_image", image_url: "data:image/png,x" }] }] },
      "input[0].content[0].image_url",
      "invalid_value",
    ],
    [{ input: [{ type: "function_call", name: "f" }] }, "input[0].call_id", "missing_required_parameter"],
    [{ input: [{ type: "function_call_output", call_id: "c" }] }, "input[0].output", "missing_required_parameter"],
    [{ input: [{ type: "item_reference", id: "msg_1" }] }, "input[0].type", "invalid_value"],
    [{ instructions: ["x"] }, "instructions", "invalid_type"],
    [{ tools: [{ type: "function" }] }, "tools[0].name", "missing_required_parameter"],
    [{ tool_choice: "maybe" }, "tool_choice", "invalid_value"],
    [{ text: { format: { type: "json_schema", schema: {} } } }, "text.format.name", "missing_required_parameter"],
    [{ max_output_tokens: 0 }, "max_output_tokens", "invalid_value"],
    [{ top_logprobs: 21 }, "top_logprobs", "invalid_value"],
    [{ include: "x" }, "include", "invalid_type"],
    [{ reasoning: "high" }, "reasoning", "invalid_type"],
  ])("is refused with the field that is wrong: %o", (more, param, code) => {
    expect(decoded({ model: "chat", input: "?", ...more })).toMatchObject({
      ok: false,
      failure: { type: "caller_bad_request", param, code },
    });
  });

  // planted: `store` left as the caller wrote it
  it("goes to a Responses backend as it was written, but for what is not to be kept", () => {
    const text =
      '{ "model" : "chat", "input":"Hi", "store": true,\t"new_field": {"x": 1.0e0}, "tools":[{"type":"web_search"}] }';
    const { text: sent, notes, path } = encode(text, { maxOutputTokens: 64, stream: false });
    expect(path).toBe("/responses");
    expect(sent).toBe(
      '{ "model" : "target", "input":"Hi", "store": false,\t"new_field": {"x": 1.0e0}, "tools":[{"type":"web_search"}],"max_output_tokens":64 }',
    );
    expect(notes).toEqual(["max_output_tokens added", "store mapped"]);
  });

  it("tells a Responses backend to keep nothing where the caller did not say", () => {
    expect(encode({ model: "chat", input: "Hi" }, { stream: true })).toMatchObject({
      json: { model: "target", input: "Hi", stream: true, store: false },
      notes: ["stream added", "store added"],
    });
  });

  it.each(["openai-chat", "anthropic-messages"] as const)("says the same to a backend of %s", (to) => {
    const sent = encode(
      {
        model: "chat",
        instructions: "Be brief.",
        input: "Hi",
        temperature: 0.5,
        top_p: 0.9,
        store: true,
        metadata: { a: "b" },
      },
      { to, maxOutputTokens: 50, stream: true },
    );
    expect(sent.json).toMatchObject({ model: "target", max_tokens: 50, temperature: 0.5, top_p: 0.9, stream: true });
    expect(JSON.stringify(sent.json)).toContain("Be brief.");
    expect(sent.json.store).toBeUndefined();
    expect(sent.notes).toEqual(expect.arrayContaining(["store dropped", "metadata dropped"]));
  });

  // planted: hosted tools left out of what no other format can say
  it.each(["openai-chat", "anthropic-messages"] as const)(
    "cannot ask a backend of %s for what its provider runs",
    (to) => {
      const refused = (more: object) =>
        encode({ model: "chat", input: "?", ...more }, { to, maxOutputTokens: 9 }).refused;
      expect(refused({ tools: [{ type: "web_search" }] })).toBe("tools[0]");
      expect(refused({ prompt: { id: "pmpt_1" } })).toBe("prompt");
      expect(
        refused({
          input: [
            { role: "user", content: "?" },
            { type: "web_search_call", id: "w" },
          ],
        }),
      ).toBe("input[1]");
    },
  );
});

describe("a Responses backend", () => {
  const HI = [{ role: "user", content: "Hi" }];

  // planted: `strict` left out of a tool, which would mean true
  it("is asked what a chat client asks", () => {
    const { json, notes } = encode(
      {
        model: "chat",
        messages: [{ role: "system", content: "Be brief." }, ...HI, { role: "assistant", content: "Yes?" }, ...HI],
        max_tokens: 20,
        temperature: 0.5,
        seed: 7,
        frequency_penalty: 1,
        user: "u",
      },
      { from: "openai-chat", maxOutputTokens: 20, stream: true },
    );
    expect(json).toEqual({
      model: "target",
      input: [
        { type: "message", role: "system", content: "Be brief." },
        { type: "message", role: "user", content: "Hi" },
        { type: "message", role: "assistant", content: "Yes?" },
        { type: "message", role: "user", content: "Hi" },
      ],
      max_output_tokens: 20,
      temperature: 0.5,
      user: "u",
      store: false,
      stream: true,
    });
    expect(notes).toEqual(["seed dropped", "frequency_penalty dropped"]);
  });

  it("is not asked for what it cannot give", () => {
    expect(encode({ model: "c", messages: HI, n: 2 }, { from: "openai-chat" }).refused).toBe("n");
    expect(encode({ model: "c", messages: HI, stop: ["x"] }, { from: "openai-chat" }).refused).toBe("stop");
    const stops = { model: "c", messages: HI, max_tokens: 5, stop_sequences: ["x"] };
    expect(encode(stops, { from: "anthropic-messages" }).refused).toBe("stop_sequences");
  });

  /** The draft as another format's decoder could have made it, through the words of the core. */
  function asked(draft: object, clientWire: WireName = "anthropic-messages") {
    const encoded = wires[RESPONSES].encodeRequest({
      draft: {
        operation: "chat",
        model: "chat",
        stream: false,
        streamUsage: false,
        messages: [{ role: "user", content: [{ type: "text", text: "?" }] }],
        unknownFields: [],
        untranslatable: [],
        ...draft,
      },
      body: parsed("{}"),
      clientWire,
      model: "target",
      stream: false,
      quirks: new Set(),
    });
    if (!encoded.ok) throw new Error(encoded.failure.message);
    const notes = encoded.value.translations.map(({ field, what }) => `${field} ${what}`);
    return { json: JSON.parse(encoded.value.body), notes };
  }

  // planted: the results of calls behind the words of their message; another provider's signature sent as encrypted content
  it("is told a turn of thoughts, words, calls and their results as items of their own", () => {
    const { json, notes } = asked({
      messages: [
        { role: "user", content: [{ type: "text", text: "?", cacheControl: { type: "ephemeral" } }] },
        {
          role: "assistant",
          content: [
            { type: "reasoning", text: "Own.", signature: "openai-responses:gAAAA" },
            { type: "reasoning", text: "Another's.", signature: "EqQB" },
            { type: "redacted-reasoning", data: "x" },
            { type: "text", text: "" },
            { type: "text", text: "Let me" },
            { type: "text", text: " see.", citations: [{}] },
            { type: "tool-call", id: "call_a", name: "weather", json: '{"city":"Ulm"}' },
            { type: "tool-call", id: "call_b", name: "time", json: "{}" },
          ],
        },
        {
          role: "user",
          content: [
            { type: "tool-result", id: "call_a", content: [{ type: "text", text: "rain" }], isError: true },
            {
              type: "tool-result",
              id: "call_b",
              content: [
                { type: "text", text: "noon" },
                { type: "image", source: { kind: "base64", mediaType: "image/png", data: "iVBO" } },
              ],
            },
            { type: "text", text: "And now?" },
            { type: "file", source: { kind: "base64", mediaType: "application/pdf", data: "JVBE" }, name: "a.pdf" },
          ],
        },
      ],
    });
    expect(json.input).toEqual([
      { type: "message", role: "user", content: "?" },
      { type: "reasoning", summary: [{ type: "summary_text", text: "Own." }], encrypted_content: "gAAAA" },
      {
        type: "message",
        role: "assistant",
        content: [
          { type: "output_text", text: "Let me", annotations: [] },
          { type: "output_text", text: " see.", annotations: [] },
        ],
      },
      { type: "function_call", call_id: "call_a", name: "weather", arguments: '{"city":"Ulm"}' },
      { type: "function_call", call_id: "call_b", name: "time", arguments: "{}" },
      { type: "function_call_output", call_id: "call_a", output: "rain" },
      {
        type: "function_call_output",
        call_id: "call_b",
        output: [
          { type: "input_text", text: "noon" },
          { type: "input_image", image_url: "data:image/png;base64,iVBO", detail: "auto" },
        ],
      },
      {
        type: "message",
        role: "user",
        content: [
          { type: "input_text", text: "And now?" },
          { type: "input_file", file_data: "data:application/pdf;base64,JVBE", filename: "a.pdf" },
        ],
      },
    ]);
    expect(notes).toEqual([
      "messages[].content[].cache_control dropped",
      "messages[].content[].thinking dropped",
      "messages[].content[].redacted_thinking dropped",
      "messages[].content[].citations dropped",
      "messages[].content[].is_error dropped",
    ]);
  });

  it("is asked for tools, structure, reasoning and log probabilities in its own words", () => {
    const schema = { type: "object", properties: {} };
    const { json, notes } = asked({
      tools: [{ name: "f", schema }],
      toolChoice: { kind: "named", name: "f" },
      parallelToolCalls: false,
      responseFormat: { kind: "json-schema", name: "n", schema, strict: true },
      reasoning: { budgetTokens: 8_000 },
      logprobs: { top: 2 },
      serviceTier: "flex",
      promptCacheKey: "k",
      topK: 5,
    });
    expect(json).toMatchObject({
      tools: [{ type: "function", name: "f", parameters: schema, strict: false }],
      tool_choice: { type: "function", name: "f" },
      parallel_tool_calls: false,
      text: { format: { type: "json_schema", name: "n", schema, strict: true } },
      reasoning: { effort: "low" },
      include: ["message.output_text.logprobs", "reasoning.encrypted_content"],
      top_logprobs: 2,
      service_tier: "flex",
      prompt_cache_key: "k",
    });
    expect(notes).toEqual(["top_k dropped", "thinking mapped"]);
  });

  /** Requests that the vocabulary holds whole. */
  it("is told by what is built from a draft what the draft says", () => {
    const request = {
      model: "chat",
      input: [
        { role: "developer", content: "d" },
        {
          role: "user",
          content: [
            { type: "input_text", text: "a" },
            { type: "input_image", image_url: "https://example.com/a.png", detail: "low" },
          ],
        },
        { type: "reasoning", id: "rs_1", summary: [{ type: "summary_text", text: "Hm." }], encrypted_content: "gAAAA" },
        { type: "function_call", call_id: "c", name: "f", arguments: "{}" },
        { type: "function_call_output", call_id: "c", output: "x" },
      ],
      tools: [{ type: "function", name: "f", parameters: { type: "object" }, strict: true }],
      tool_choice: "required",
      text: { format: { type: "json_object" } },
      reasoning: { effort: "xhigh", summary: "auto" },
      max_output_tokens: 9,
      temperature: 1.5,
    };
    const draft = decoded(request);
    if (!draft.ok) throw new Error(draft.failure.message);
    const { json, notes } = asked(draft.value, "openai-chat");
    // No backend is asked to keep anything.
    expect(decoded({ ...json, model: "chat" })).toEqual({ ok: true, value: { ...draft.value, keep: false } });
    expect(notes).toEqual([]);
  });
});

// planted: the voice of a stream for a whole answer
it("a whole response is made without the frames that would tell of it", () => {
  const stringify = vi.spyOn(JSON, "stringify");
  const { encodeAnswer } = wires[RESPONSES];
  const blocks = [
    { type: "reasoning", text: "Hm." },
    { type: "text", text: "Hi" },
    { type: "tool", id: "call_1", name: "f", json: "{}" },
  ] as const;
  const answer = { operation: "chat", id: "", model: "", choices: [{ index: 0, blocks, finish: FINISHED }] } as const;
  const told = encodeAnswer(answer, { id: "resp_1", model: "m", createdAt: 0, includeUsage: true });
  expect(stringify.mock.calls).toEqual([]);
  stringify.mockRestore();
  expect(told).toMatchObject({
    status: "completed",
    output: [{ summary: [{ text: "Hm." }] }, { content: [{ text: "Hi" }] }, { call_id: "call_1", arguments: "{}" }],
  });
});
