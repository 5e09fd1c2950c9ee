import { expect, it } from "vitest";
import { type AnyFormat, readStream } from "../../support/caller.ts";
import { play } from "../../support/pipeline.ts";

/** What a backend says before its first token is held, and not without an end. */

const encoder = new TextEncoder();
const role = (bytes: number) =>
  encoder.encode(
    `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta: { role: "assistant", content: "" }, finish_reason: null }], note: "x".repeat(bytes) })}\n\n`,
  );
const REST = encoder.encode(
  'data: {"id":"c","choices":[{"index":0,"delta":{"content":"One"},"finish_reason":null}]}\n\ndata: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
);
const ping = encoder.encode(`: ${"ping ".repeat(2_000)}\n\n`);

/** `chunk` so many times, then an answer. */
async function ask(chunk: Uint8Array, times: number, alias = "openai-chat") {
  let read = 0;
  const played = await play(
    { caller: "openai-chat" as AnyFormat, backend: "openai-chat", alias, stream: true },
    ({ backend }) =>
      new Response(
        new ReadableStream<Uint8Array>(
          {
            pull(controller) {
              if (backend.name !== "openai" || read === times) {
                controller.enqueue(REST);
                controller.close();
              } else controller.enqueue(chunk);
              read++;
            },
          },
          { highWaterMark: 0 },
        ),
        { headers: { "content-type": "text/event-stream" } },
      ),
  );
  return { ...played, read };
}

// planted: no cap
it.each([
  ["roles", role(10_000)],
  ["comments", ping],
])("ends at a mebibyte of %s, as an answer that could not be understood", async (_, chunk) => {
  const { status, body, event, read } = await ask(chunk, 1_000);
  expect([status, event.failure, event.attempts[0]?.detail]).toEqual([
    502,
    "backend_protocol",
    "too_much_before_first_token",
  ]);
  expect(body).not.toContain("ping");
  expect(read * chunk.length).toBeLessThan(1_048_576 + 3 * chunk.length);
});

// planted: the cap on all of a stream; on one read that holds a token too
it("leaves what is less, or what is behind the first token, alone", async () => {
  const less = await ask(role(10_000), 50);
  expect([less.status, readStream("openai-chat", less.body)]).toMatchObject([200, { text: "One", closed: true }]);
  const tokens = encoder.encode(new TextDecoder().decode(role(10_000)).replace('"content":""', '"content":"more"'));
  const more = await ask(tokens, 300);
  expect([more.status, readStream("openai-chat", more.body).finished]).toEqual([200, 1]);
});
