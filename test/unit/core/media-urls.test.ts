import { describe, expect, test } from "vitest";
import type { ChatDraft, ContentBlock } from "../../../src/core/draft.ts";
import { UNTRANSLATABLE } from "../../../src/core/failure.ts";
import type { JsonObject } from "../../../src/core/json.ts";
import { isPrivateHost, refusedMediaUrl } from "../../../src/core/media-urls.ts";
import type { WireName } from "../../../src/core/wire.ts";
import { parseBody } from "../../../src/lib/json.ts";
import { wires } from "../../../src/wire/registry.ts";

type Other = Extract<ContentBlock, { type: "other" }>;

function draftOf(...content: ContentBlock[]): ChatDraft {
  const messages = [
    { role: "system" as const, content: [{ type: "text" as const, text: "http://127.0.0.1/ is only text" }] },
    { role: "user" as const, content },
  ];
  return {
    operation: "chat",
    model: "m",
    stream: false,
    streamUsage: false,
    messages,
    unknownFields: [],
    untranslatable: [],
  };
}

const path = "messages[1].content[0]";
const image = (url: string): ContentBlock => ({ type: "image", source: { kind: "url", url }, path });
const judged = (url: string, rule: "pass" | "https-only" | "refuse") => refusedMediaUrl(draftOf(image(url)), rule);

describe("addresses of images and files", () => {
  // planted: `pass` judged before the private addresses
  test.each([
    "http://127.0.0.1/x",
    "https://2130706433/x",
    "https://0x7f.1/",
    "http://0177.0.0.1/",
    "https://10.1.2.3/",
    "https://172.31.0.1/",
    "https://192.168.1.1:8000/v1/models",
    "http://169.254.169.254/latest/meta-data/",
    "https://100.64.0.1/",
    "https://0.0.0.0/",
    "https://[::1]/",
    "https://[::]/",
    "https://[fe80::1]/",
    "https://[fd00::1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[64:ff9b::a00:1]/",
    "https://[2002:a00:1::]/",
    "https://localhost/x",
    "https://localhost./x",
    "https://vllm:8000/x",
    "https://nas.local/x",
    "https://metadata.google.internal/x",
    "https://router.home.arpa/",
    "file:///etc/passwd",
    "ftp://example.com/x",
    "gopher://example.com/",
    "https://example.com\\@127.0.0.1/",
    "https://user:secret@example.com/x",
    "https://@example.com/x",
    "https://exa mple.com/",
    "not an address",
    "//example.com/x",
  ])("%s is refused by every rule, for good", (url) => {
    for (const rule of ["pass", "https-only", "refuse"] as const) {
      const failure = judged(url, rule);
      expect(failure).toMatchObject({ type: "caller_bad_request", param: path });
      // No other backend may have it either: no fallback is to be tried.
      expect(failure?.detail).toBeUndefined();
      expect(failure?.message).not.toContain(url);
    }
  });

  // planted: `https-only` not looked at; `refuse` without UNTRANSLATABLE
  test("what a public one may be is the backend's rule, and another backend may have another", () => {
    expect(judged("https://example.com/a.png", "pass")).toBeUndefined();
    expect(judged("http://example.com/a.png", "pass")).toBeUndefined();
    expect(judged("https://example.com/a.png", "https-only")).toBeUndefined();
    expect(judged("http://example.com/a.png", "https-only")).toMatchObject({ detail: UNTRANSLATABLE });
    expect(judged("https://example.com/a.png", "refuse")).toMatchObject({ detail: UNTRANSLATABLE });
    expect(judged("https://203.0.114.9/", "https-only")).toBeUndefined();
    expect(judged("https://[2606:4700::1111]/", "https-only")).toBeUndefined();
  });

  test("data in the request itself is nobody's to fetch", () => {
    expect(judged("data:image/png;base64,AAAA", "refuse")).toBeUndefined();
    const inline: ContentBlock = {
      type: "image",
      source: { kind: "base64", mediaType: "image/png", data: "AAAA" },
      path,
    };
    expect(refusedMediaUrl(draftOf(inline), "refuse")).toBeUndefined();
  });

  // planted: only `image_url: {url}` looked at; tool results not entered
  test.each<[string, ContentBlock | Omit<Other, "path">]>([
    ["a file", { type: "file", source: { kind: "url", url: "https://example.com/a.pdf" }, path }],
    ["inside a tool's result", { type: "tool-result", id: "t", content: [image("https://example.com/a.png")] }],
    ["OpenAI's part", { type: "other", kind: "image_url", data: { image_url: { url: "https://example.com/" } } }],
    ["as a plain text", { type: "other", kind: "image_url", data: { image_url: "https://example.com/" } }],
    ["vLLM's video", { type: "other", kind: "video_url", data: { video_url: { url: "https://example.com/" } } }],
    ["without a type", { type: "other", kind: "", data: { audio_url: { url: ["https://example.com/"] } } }],
    ["Anthropic's source", { type: "other", kind: "image", data: { source: { type: "url", url: "https://e.com/" } } }],
    ["a made-up kind", { type: "other", kind: "search_result", data: { imageUrl: "https://example.com/" } }],
  ])("is found wherever it stands: %s", (_, said) => {
    const block: ContentBlock = said.type === "other" ? { ...said, path } : said;
    expect(refusedMediaUrl(draftOf(block), "refuse")).toMatchObject({ detail: UNTRANSLATABLE, param: path });
    expect(refusedMediaUrl(draftOf(block), "pass")).toBeUndefined();
  });

  test("a tool's arguments and what a provider has found are not fetched", () => {
    const call = { type: "other", kind: "tool_use", data: { input: { url: "http://localhost:3000" } }, path } as const;
    const found = { type: "other", kind: "web_search_tool_result", data: { url: "http://example.com" }, path } as const;
    expect(refusedMediaUrl(draftOf(call), "refuse")).toBeUndefined();
    expect(refusedMediaUrl(draftOf(found), "https-only")).toBeUndefined();
    expect(refusedMediaUrl(draftOf(found), "refuse")).toBeDefined();
  });
});

const ADDRESS = "http://192.168.1.1/admin";
const OPENAIS = { type: "image_url", image_url: { url: ADDRESS } };
const ANTHROPICS = { type: "image", source: { type: "url", url: ADDRESS } };
const RESPONSES = { type: "input_image", image_url: ADDRESS };
const F = { type: "function", name: "f", parameters: { examples: [{ url: ADDRESS }] } };
const HI = { messages: [{ role: "user", content: "Hi" }] };

function refusedOf(wire: WireName, more: JsonObject, passes = true) {
  const max_tokens = wire === "anthropic-messages" ? { max_tokens: 9 } : {};
  const parsed = parseBody(new TextEncoder().encode(JSON.stringify({ model: "m", ...max_tokens, ...more })));
  if (!parsed.ok) throw new Error(parsed.problem);
  const draft = wires[wire].decodeRequest(parsed.body);
  if (!draft.ok) throw new Error(draft.failure.message);
  return refusedMediaUrl(draft.value, "pass", passes ? parsed.body : undefined);
}

// planted: one place told for every picture; the content of a tool's result not entered; the first item told for every item
test.each<[WireName, string, JsonObject]>([
  [
    "openai-chat",
    "messages[0].content[1]",
    { messages: [{ role: "user", reasoning: "?", content: [{ type: "text", text: "?" }, OPENAIS] }] },
  ],
  [
    "openai-chat",
    "messages[1].content[0]",
    { messages: [...HI.messages, { role: "tool", tool_call_id: "c", content: [OPENAIS] }] },
  ],
  ["openai-chat", "messages[0].audio", { messages: [{ role: "assistant", content: "a", audio: { url: ADDRESS } }] }],
  [
    "anthropic-messages",
    "messages[0].content[0]",
    { system: "S", messages: [{ role: "user", content: [ANTHROPICS] }] },
  ],
  ["anthropic-messages", "system[1]", { ...HI, system: [{ type: "text", text: "S" }, ANTHROPICS] }],
  [
    "anthropic-count-tokens",
    "messages[0].content[0].content[0]",
    { messages: [{ role: "user", content: [{ type: "tool_result", tool_use_id: "t", content: [ANTHROPICS] }] }] },
  ],
  ["openai-responses", "input[0].content[0]", { instructions: "S", input: [{ role: "user", content: [RESPONSES] }] }],
  [
    "openai-responses",
    "input[1].output[0]",
    {
      input: [
        { type: "function_call", call_id: "c", name: "f", arguments: "{}" },
        { type: "function_call_output", call_id: "c", output: [RESPONSES] },
      ],
    },
  ],
  [
    "openai-responses",
    "input[1]",
    {
      input: [
        { role: "assistant", content: "a" },
        { type: "computer_call_output", output: RESPONSES },
      ],
    },
  ],
])("what is refused of %s is named where it stands in the caller's body: %s", (wire, param, more) => {
  expect(refusedOf(wire, more)).toMatchObject({ param, message: expect.stringContaining(`\`${param}\``) });
  expect(refusedOf(wire, more, false)).toMatchObject({ param });
});

// planted: only chats looked at; `documents` left out; `untranslatable` left out; `tools[0]` looked for as a member alone; `input` passed over
test.each<[WireName, string, JsonObject]>([
  [
    "openai-embeddings",
    "messages[1]",
    { input: "x", messages: [...HI.messages, { role: "user", content: [OPENAIS] }] },
  ],
  ["openai-embeddings", "image_url", { input: "x", image_url: ADDRESS }],
  ["rerank", "documents[1]", { query: "q", documents: ["a", { text: "b", content: [OPENAIS] }] }],
  ["rerank", "query_image", { query: "q", documents: ["a"], query_image: { url: ADDRESS } }],
  ["openai-completions", "multi_modal_data", { prompt: "x", multi_modal_data: { image_url: ADDRESS } }],
  ["openai-chat", "documents[0]", { ...HI, documents: [{ source_url: ADDRESS }] }],
  ["openai-responses", "prompt", { input: "x", prompt: { id: "p", variables: { picture: RESPONSES } } }],
  ["anthropic-messages", "mcp_servers[0]", { ...HI, mcp_servers: [{ type: "url", name: "n", url: ADDRESS }] }],
  ["openai-responses", "tools[1]", { input: "x", tools: [F, { type: "mcp", server_label: "n", server_url: ADDRESS }] }],
  ["openai-chat", "tools[0]", { ...HI, "tools[0]": 1, tools: [{ type: "hosted", hosted: { url: ADDRESS } }] }],
  ["openai-chat", "system", { ...HI, system: { url: ADDRESS } }],
  ["openai-embeddings", "extra", { input: "x", extra: { input: [OPENAIS] } }],
  ["anthropic-count-tokens", "extra", { ...HI, extra: { url: ADDRESS } }],
])("in a body of %s that passes as it is, members that nobody has read are looked at: %s", (wire, param, more) => {
  expect(refusedOf(wire, more)).toMatchObject({ type: "caller_bad_request", param, code: "unsupported_image_url" });
  // Built from the draft, the request does not hold them.
  expect(refusedOf(wire, more, false)).toBeUndefined();
});

// planted: schemas looked at; `structured_outputs` looked at
test("what is read here, labels and schemas are words", () => {
  const schema = { type: "object", properties: { a: { default: { url: ADDRESS } } } };
  expect(refusedOf("openai-embeddings", { input: ADDRESS, user: "u" })).toBeUndefined();
  expect(refusedOf("openai-chat", { ...HI, metadata: { page_url: ADDRESS } })).toBeUndefined();
  expect(refusedOf("openai-completions", { prompt: "x", structured_outputs: { json: schema } })).toBeUndefined();
  expect(refusedOf("rerank", { query: ADDRESS, documents: [ADDRESS, { text: ADDRESS }] })).toBeUndefined();
});

// planted: the id, or the data, looked at first
test("an address beside a file's id or data is looked at", () => {
  const file = { type: "input_file", filename: "a", file_data: "data:application/pdf;base64,AAAA", file_url: ADDRESS };
  expect(refusedOf("openai-responses", { input: [{ role: "user", content: [file] }] })).toMatchObject({
    param: "input[0].content[0]",
    code: "unsupported_image_url",
  });
  const chats = { type: "file", file: { file_id: "f", file_data: ADDRESS } };
  expect(() => refusedOf("openai-chat", { messages: [{ role: "user", content: [chats] }] })).toThrow("must be base64");
});

// planted: `input` passed over in every kind of content
test("what a call is given is words; anything else of that name is not", () => {
  const data = { input: { image_url: ADDRESS } };
  expect(refusedMediaUrl(draftOf({ type: "other", kind: "mcp_tool_use", data, path }), "refuse")).toBeUndefined();
  expect(refusedMediaUrl(draftOf({ type: "other", kind: "video", data, path }), "pass")).toBeDefined();
});

// planted: the name told whole
test("a field of the caller's own naming is named briefly", () => {
  const failure = refusedOf("openai-embeddings", { input: "x", [`${"x".repeat(5_000)}_url`]: [{ url: ADDRESS }] });
  expect(failure?.param).toHaveLength(64);
  expect(failure?.message.length).toBeLessThan(200);
});

test("a host is public only where it looks so", () => {
  expect(["example.com", "1.1.1.1", "[2606:4700::1]"].map(isPrivateHost)).toEqual([false, false, false]);
});
