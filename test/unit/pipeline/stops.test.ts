import { describe, expect, it } from "vitest";
import { play } from "../../support/pipeline.ts";

const encoder = new TextEncoder();
const chunk = (delta: unknown, finish: string | null = null) =>
  `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;

/** A backend that says `text` and then keeps its connection open for ever. */
function talkative(text: string) {
  const heard: { signal?: AbortSignal } = {};
  return {
    heard,
    answering: (_call: unknown, signal: AbortSignal) => {
      heard.signal = signal;
      const body = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(encoder.encode(text)) });
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    },
  };
}

const request = { caller: "openai-chat", backend: "openai-chat", stream: true } as const;

describe("a backend that goes on talking", () => {
  // planted: `failed` without `stop`
  it.each([
    ["an error frame", 'data: {"error":{"message":"Engine died","type":"InternalServerError","code":500}}\n\n'],
    ["a closing frame too early", "data: [DONE]\n\n"],
    ["a malformed frame", "data: {oops\n\n"],
  ])("is stopped after %s in place of a first token", async (_what, text) => {
    const backend = talkative(text);
    const played = await play(request, backend.answering);
    expect(played.status).toBeGreaterThanOrEqual(500);
    expect(backend.heard.signal?.aborted).toBe(true);
  });

  // planted: `release` waiting for the read alone
  it("is let go soon after its closing frame", async () => {
    const backend = talkative(`${chunk({ content: "Yes" })}${chunk({}, "stop")}data: [DONE]\n\n`);
    const played = await play(request, backend.answering);
    expect(played.body).toContain("[DONE]");
    await expect.poll(() => backend.heard.signal?.aborted, { timeout: 5_000 }).toBe(true);
  });

  // planted: `other` events that never start a stream
  it("is heard where its content has no word here", async () => {
    const call = chunk({ function_call: { name: "look", arguments: "{}" } });
    const backend = talkative(`${call}${chunk({}, "function_call")}data: [DONE]\n\n`);
    const played = await play(request, backend.answering);
    expect(played.status).toBe(200);
    expect(played.body).toContain('"function_call"');
  });
});
