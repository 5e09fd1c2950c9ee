import { describe, expect, test } from "vitest";
import type { ChatDraft, ContentBlock } from "../../../src/core/draft.ts";
import { UNTRANSLATABLE } from "../../../src/core/failure.ts";
import { isPrivateHost, refusedMediaUrl } from "../../../src/core/media-urls.ts";

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

const image = (url: string): ContentBlock => ({ type: "image", source: { kind: "url", url } });
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
      expect(failure).toMatchObject({ type: "caller_bad_request", param: "messages[1].content[0]" });
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
    const inline: ContentBlock = { type: "image", source: { kind: "base64", mediaType: "image/png", data: "AAAA" } };
    expect(refusedMediaUrl(draftOf(inline), "refuse")).toBeUndefined();
  });

  // planted: only `image_url: {url}` looked at; tool results not entered
  test.each<[string, ContentBlock]>([
    ["a file", { type: "file", source: { kind: "url", url: "https://example.com/a.pdf" } }],
    ["inside a tool's result", { type: "tool-result", id: "t", content: [image("https://example.com/a.png")] }],
    ["OpenAI's part", { type: "other", kind: "image_url", data: { image_url: { url: "https://example.com/" } } }],
    ["as a plain text", { type: "other", kind: "image_url", data: { image_url: "https://example.com/" } }],
    ["vLLM's video", { type: "other", kind: "video_url", data: { video_url: { url: "https://example.com/" } } }],
    ["without a type", { type: "other", kind: "", data: { audio_url: { url: ["https://example.com/"] } } }],
    ["Anthropic's source", { type: "other", kind: "image", data: { source: { type: "url", url: "https://e.com/" } } }],
    ["a made-up kind", { type: "other", kind: "search_result", data: { imageUrl: "https://example.com/" } }],
  ])("is found wherever it stands: %s", (_, block) => {
    expect(refusedMediaUrl(draftOf(block), "refuse")).toMatchObject({ detail: UNTRANSLATABLE });
    expect(refusedMediaUrl(draftOf(block), "pass")).toBeUndefined();
  });

  test("a tool's arguments and what a provider has found are not fetched", () => {
    const call = { type: "other", kind: "tool_use", data: { input: { url: "http://localhost:3000" } } } as const;
    const found = { type: "other", kind: "web_search_tool_result", data: { url: "http://example.com" } } as const;
    expect(refusedMediaUrl(draftOf(call), "refuse")).toBeUndefined();
    expect(refusedMediaUrl(draftOf(found), "https-only")).toBeUndefined();
    expect(refusedMediaUrl(draftOf(found), "refuse")).toBeDefined();
  });
});

test("a host is public only where it looks so", () => {
  expect(["example.com", "1.1.1.1", "[2606:4700::1]"].map(isPrivateHost)).toEqual([false, false, false]);
});
