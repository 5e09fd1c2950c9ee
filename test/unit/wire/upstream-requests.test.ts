/** What each format asks of each other. Long because every pair of formats stands in one file, field by field. */
import { describe, expect, it } from "vitest";
import type { AttemptRequest, Quirk, WireName } from "../../../src/core/wire.ts";
import { parseBody } from "../../../src/lib/json.ts";
import { wires } from "../../../src/wire/registry.ts";

interface Wish {
  readonly from: WireName;
  readonly to: WireName;
  readonly stream?: boolean;
  readonly maxOutputTokens?: number;
  readonly quirks?: readonly Quirk[];
}

function encode(text: string, { from, to, stream = false, maxOutputTokens, quirks = [] }: Wish) {
  const parsed = parseBody(new TextEncoder().encode(text));
  if (!parsed.ok) throw new Error(parsed.problem);
  const draft = wires[from].decodeRequest(parsed.body);
  if (!draft.ok) throw new Error(draft.failure.message);
  const attempt: AttemptRequest = {
    draft: draft.value,
    body: parsed.body,
    clientWire: from,
    model: "target",
    stream,
    ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    quirks: new Set(quirks),
  };
  const encoded = wires[to].encodeRequest(attempt);
  if (!encoded.ok) return { refused: encoded.failure.param, failure: encoded.failure };
  const { body, translations, path, headers } = encoded.value;
  return {
    body,
    json: JSON.parse(body),
    path,
    headers,
    notes: translations.map(({ field, what }) => `${field} ${what}`),
  };
}

const OO = { from: "openai-chat", to: "openai-chat" } as const;
const AA = { from: "anthropic-messages", to: "anthropic-messages" } as const;
const OA = { from: "openai-chat", to: "anthropic-messages" } as const;
const AO = { from: "anthropic-messages", to: "openai-chat" } as const;
const HI = '"messages":[{"role":"user","content":"Hi"}]';

describe("between equal formats the caller's text is patched", () => {
  // planted: the body built by JSON.stringify of the parsed value
  it("keeps unknown fields, digits and white space byte for byte", () => {
    const text = `{ "model" : "chat", ${HI},\t"seed": 12345678901234567890, "new_field": {"x": 1.0e0}, "é": "\\u00e9" }`;
    expect(encode(text, { ...OO, maxOutputTokens: 64 }).body).toBe(
      `{ "model" : "target", ${HI},\t"seed": 12345678901234567890, "new_field": {"x": 1.0e0}, "é": "\\u00e9","max_tokens":64 }`,
    );
  });

  it("asks for the usage that the caller did not ask for, and leaves other stream options alone", () => {
    const { json, notes } = encode(
      `{"model":"chat",${HI},"stream":true,"stream_options":{"include_obfuscation":false}}`,
      { ...OO, stream: true },
    );
    expect(json.stream_options).toEqual({ include_obfuscation: false, include_usage: true });
    expect(notes).toEqual(["stream_options mapped"]);
    const asked = `{"model":"target",${HI},"stream":true,"stream_options":{"include_usage":true}}`;
    expect(encode(asked, { ...OO, stream: true }).body).toBe(asked);
  });

  // planted: `stream_options` left in a request that does not stream
  it("streams, or not, as the attempt wants it and not as the caller did", () => {
    expect(encode(`{"model":"chat",${HI}}`, { ...OO, stream: true }).json).toMatchObject({
      stream: true,
      stream_options: { include_usage: true },
    });
    const whole = encode(`{"model":"chat",${HI},"stream":true,"stream_options":{"include_usage":true}}`, OO).json;
    expect([whole.stream, "stream_options" in whole]).toEqual([false, false]);
    expect(encode(`{"model":"chat","max_tokens":9,${HI}}`, { ...AA, stream: true }).json.stream).toBe(true);
  });

  it("does not ask a backend for stream options that it rejects", () => {
    const { json, notes } = encode(`{"model":"chat",${HI},"stream":true,"stream_options":{"include_usage":true}}`, {
      ...OO,
      stream: true,
      quirks: ["no-stream-options"],
    });
    expect("stream_options" in json).toBe(false);
    expect(notes).toContain("stream_options stripped");
  });

  // planted: the cap put beside the caller's other name for it
  it("sends one cap under one name, whichever name the caller used", () => {
    const cap = (fields: string, wish: Partial<Wish> = {}) => {
      const { json, notes } = encode(`{"model":"chat",${HI}${fields}}`, { ...OO, maxOutputTokens: 50, ...wish });
      return [json.max_tokens, json.max_completion_tokens, notes];
    };
    expect(cap("")).toEqual([50, undefined, ["max_tokens added"]]);
    expect(cap(',"max_tokens":50')).toEqual([50, undefined, []]);
    expect(cap(',"max_tokens":900')).toEqual([50, undefined, ["max_tokens mapped"]]);
    expect(cap(',"max_completion_tokens":900')).toEqual([50, undefined, ["max_tokens mapped"]]);
    expect(cap(',"max_tokens":900,"max_completion_tokens":800')).toEqual([50, undefined, ["max_tokens mapped"]]);
    const quirks = ["max-completion-tokens"] as const;
    expect(cap(',"max_tokens":50', { quirks })).toEqual([undefined, 50, ["max_completion_tokens mapped"]]);
    expect(cap(',"max_completion_tokens":50', { quirks })).toEqual([undefined, 50, []]);
    expect(encode(`{"model":"chat","max_tokens":900,${HI}}`, { ...AA, maxOutputTokens: 50 }).json.max_tokens).toBe(50);
  });

  // planted: `chat_template_kwargs` missing from the list
  it("strips what vLLM would obey, and names it; other backends see what was sent", () => {
    const own = [
      "priority",
      "cache_salt",
      "kv_transfer_params",
      "vllm_xargs",
      "request_id",
      "chat_template",
      "chat_template_kwargs",
    ];
    const text = `{"model":"chat",${own.map((field) => `"${field}":1`).join(",")},${HI}}`;
    const { json, notes } = encode(text, { ...OO, quirks: ["vllm"] });
    expect(Object.keys(json)).toEqual(["model", "messages"]);
    expect(notes).toEqual(own.map((field) => `${field} stripped`));
    expect(Object.keys(encode(text, OO).json)).toEqual(["model", ...own, "messages"]);
  });

  it("passes tools, images and formats through", () => {
    const text = `{"model":"target","tools":[{"type":"function","function":{"name":"f","parameters":{"x":1.0e0}}}],"response_format":{"type":"json_object"},"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}]}`;
    expect(encode(text, OO).body).toBe(text);
  });

  it("names the endpoint and what is accepted", () => {
    expect(encode(`{"model":"chat",${HI}}`, { ...OO, stream: true })).toMatchObject({
      path: "/chat/completions",
      headers: { accept: "text/event-stream" },
    });
    expect(encode(`{"model":"chat","max_tokens":9,${HI}}`, AA)).toMatchObject({
      path: "/messages",
      headers: { accept: "application/json", "anthropic-version": "2023-06-01" },
    });
    expect(encode('{"model":"e","input":"x"}', { from: "openai-embeddings", to: "openai-embeddings" })).toMatchObject({
      path: "/embeddings",
      json: { model: "target", input: "x" },
    });
  });
});

describe("from OpenAI's format to Anthropic's", () => {
  // planted: every system message hoisted, wherever it stood
  it("builds the same conversation and names what became of each field", () => {
    const text = JSON.stringify({
      model: "chat",
      messages: [
        { role: "system", content: "Be brief." },
        { role: "developer", content: [{ type: "text", text: "Be kind.", cache_control: { type: "ephemeral" } }] },
        { role: "user", content: " é\u0000 ", name: "ann" },
        { role: "assistant", content: "ok", reasoning: "Hm." },
        { role: "system", content: "Now French." },
        {
          role: "user",
          content: [
            { type: "text", text: "a" },
            { type: "text", text: "b" },
          ],
        },
      ],
      temperature: 1,
      top_p: 0.5,
      top_k: 5,
      n: 1,
      stop: "END",
      seed: 7,
      user: "u-1",
      frequency_penalty: 0.5,
      presence_penalty: 0,
      reasoning_effort: "low",
      stream: true,
    });
    const { json, notes } = encode(text, { ...OA, stream: true, maxOutputTokens: 50 });
    expect(json).toEqual({
      model: "target",
      max_tokens: 50,
      system: [
        { type: "text", text: "Be brief." },
        { type: "text", text: "Be kind.", cache_control: { type: "ephemeral" } },
      ],
      messages: [
        { role: "user", content: " é\u0000 " },
        { role: "assistant", content: "ok" },
        { role: "system", content: "Now French." },
        {
          role: "user",
          content: [
            { type: "text", text: "a" },
            { type: "text", text: "b" },
          ],
        },
      ],
      temperature: 1,
      top_p: 0.5,
      top_k: 5,
      stop_sequences: ["END"],
      metadata: { user_id: "u-1" },
      stream: true,
    });
    expect(notes).toEqual([
      "seed dropped",
      "frequency_penalty dropped",
      "presence_penalty dropped",
      "n dropped",
      "stop mapped",
      "user mapped",
      "messages[].role mapped",
      "messages[].name dropped",
      "messages[].reasoning dropped",
      // Beside sampling parameters of the caller's own, the format refuses to think.
      "reasoning_effort dropped",
    ]);
  });

  // planted: a temperature above 1 sent as 1
  it.each([
    ['"n":2', "n"],
    ['"temperature":1.2', "temperature"],
    ['"stop":["END","\\n"]', "stop"],
    ['"tools":[{"type":"custom","custom":{"name":"f"}}]', "tools[0]"],
    ['"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":{"type":"allowed_tools"}', "tool_choice"],
    ['"functions":[{"name":"f"}]', "functions"],
    ['"response_format":{"type":"json_object"}', "response_format"],
    ['"response_format":{"type":"grammar"}', "response_format"],
    ['"logprobs":true', "logprobs"],
    ['"logit_bias":{"5":-100}', "logit_bias"],
    ['"guided_choice":["a"]', "guided_choice"],
  ])("refuses what cannot be said there: %s", (field, param) => {
    expect(encode(`{"model":"chat",${HI},${field}}`, { ...OA, maxOutputTokens: 9 })).toMatchObject({
      refused: param,
      failure: { type: "caller_bad_request" },
    });
  });

  it.each([
    [
      '[{"role":"user","content":"?"},{"role":"user","content":[{"type":"file","file":{"file_id":"file-1"}}]}]',
      "messages[1].content[0]",
    ],
    [
      '[{"role":"user","content":[{"type":"file","file":{"file_data":"data:text/csv;base64,YQ=="}}]}]',
      "messages[0].content[0]",
    ],
    ['[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"AA=="}}]}]', "messages[0].content[0]"],
    [
      '[{"role":"user","content":"?"},{"role":"assistant","tool_calls":[{"id":"c","type":"custom"}]}]',
      "messages[1].tool_calls[0]",
    ],
    ['[{"role":"system","content":"Be brief."}]', "messages"],
    ['[{"role":"user","content":[{"type":"text","text":"?","odd":1}]}]', "messages[0].content[0]"],
  ])("refuses messages that cannot be said there: %s", (list, param) => {
    expect(encode(`{"model":"chat","messages":${list}}`, { ...OA, maxOutputTokens: 9 })).toMatchObject({
      refused: param,
    });
  });

  it("does not send a system prompt without words, and wants a cap", () => {
    expect(
      encode('{"model":"chat","messages":[{"role":"system","content":""},{"role":"user","content":"Hi"}]}', {
        ...OA,
        maxOutputTokens: 9,
      }).json,
    ).not.toHaveProperty("system");
    expect(encode(`{"model":"chat",${HI}}`, OA)).toMatchObject({ refused: "max_tokens" });
  });
});

describe("from Responses to Anthropic's format", () => {
  // planted: `messages` told to every caller; the index of the draft's message
  it.each([
    ['"input":[{"role":"developer","content":"Be brief."}]', "input"],
    [
      '"instructions":"S","input":[{"role":"user","content":"?"},{"role":"user","content":[{"type":"input_text","text":"?"},{"type":"input_file","file_id":"x"}]}]',
      "input[1].content[1]",
    ],
  ])("refuses by the caller's own names: %s", (fields, param) => {
    const wish = { from: "openai-responses", to: "anthropic-messages", maxOutputTokens: 9 } as const;
    expect(encode(`{"model":"chat",${fields}}`, wish)).toMatchObject({ refused: param });
  });
});

describe("from Anthropic's format to OpenAI's", () => {
  const text = JSON.stringify({
    model: "chat",
    max_tokens: 9,
    system: [
      { type: "text", text: "Be brief.", cache_control: { type: "ephemeral" } },
      { type: "text", text: "Be kind." },
    ],
    messages: [
      { role: "user", content: "Hi" },
      {
        role: "assistant",
        content: [
          { type: "thinking", thinking: "Hm.", signature: "E" },
          { type: "text", text: "ok" },
        ],
      },
      { role: "user", content: [{ type: "text", text: "?" }] },
    ],
    temperature: 0.5,
    top_k: 5,
    stop_sequences: ["END"],
    metadata: { user_id: "u-1" },
    thinking: { type: "enabled", budget_tokens: 1024 },
  });

  // planted: thinking sent as text
  it("builds the same conversation and names what became of each field", () => {
    const { json, notes } = encode(text, { ...AO, stream: true, maxOutputTokens: 9 });
    expect(json).toEqual({
      model: "target",
      messages: [
        {
          role: "system",
          content: [
            { type: "text", text: "Be brief." },
            { type: "text", text: "Be kind." },
          ],
        },
        { role: "user", content: "Hi" },
        { role: "assistant", content: "ok" },
        { role: "user", content: "?" },
      ],
      max_tokens: 9,
      temperature: 0.5,
      stop: ["END"],
      user: "u-1",
      reasoning_effort: "minimal",
      stream: true,
      stream_options: { include_usage: true },
    });
    expect(notes).toEqual([
      "top_k dropped",
      "stop_sequences mapped",
      "metadata.user_id mapped",
      "system[].cache_control dropped",
      "messages[].content[].thinking dropped",
      "messages[].content[].signature dropped",
      "thinking mapped",
    ]);
  });

  it("speaks as the backend's quirks want it", () => {
    const { json } = encode(text, {
      ...AO,
      stream: true,
      maxOutputTokens: 9,
      quirks: ["vllm", "max-completion-tokens", "no-stream-options"],
    });
    expect(json).toMatchObject({ top_k: 5, max_completion_tokens: 9 });
    expect(json).not.toHaveProperty("max_tokens");
    expect(json).not.toHaveProperty("stream_options");
  });

  it.each([
    ['"tools":[{"type":"web_search_20250305","name":"w"}]', HI, "tools[0]"],
    ['"output_config":{"format":{"type":"regex"}}', HI, "output_config.format"],
    [
      '"system":"S"',
      '"messages":[{"role":"user","content":[{"type":"image","source":{"type":"file","file_id":"x"}}]}]',
      "messages[0].content[0]",
    ],
    [
      '"top_k":1',
      '"messages":[{"role":"user","content":[{"type":"document","source":{"type":"url","url":"x"}}]}]',
      "messages[0].content[0]",
    ],
    ['"system":[{"type":"search_result"}]', HI, "system[0]"],
    [
      '"top_k":2',
      '"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"text","text":"?"},{"type":"document","source":{"type":"file","file_id":"x"}}]}]}]',
      "messages[0].content[0].content[1]",
    ],
    [
      '"top_k":3',
      '"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"thinking","thinking":"?"}]}]}]',
      "messages[].content[].tool_result",
    ],
  ])("refuses what cannot be said there: %s", (field, list, param) => {
    expect(encode(`{"model":"chat","max_tokens":9,${field},${list}}`, AO)).toMatchObject({ refused: param });
  });
});

describe("translations", () => {
  it("are bounded in number and length, whatever a caller names its fields", () => {
    const fields = Array.from({ length: 200 }, (_, i) => `"${"x".repeat(500)}${i}\\n":1`).join(",");
    const { notes = [] } = encode(`{"model":"chat",${fields},${HI},"stop":"x"}`, { ...OA, maxOutputTokens: 9 });
    const hostile = `{"model":"chat","messages":[{"role":"user","content":"?","${"y".repeat(5000)}":1}]}`;
    expect(encode(hostile, { ...OA, maxOutputTokens: 9 }).refused?.length).toBeLessThanOrEqual(64);
    expect(notes.length).toBeLessThanOrEqual(32);
    expect(notes.every((note) => note.length < 80 && !note.includes("\n"))).toBe(true);
  });
});
