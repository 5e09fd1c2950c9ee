import { describe, expect, it } from "vitest";
import { readStream } from "../../support/caller.ts";
import { eventStream, play } from "../../support/pipeline.ts";

/** Lines that are no fields of an event stream, in the midst of one: whose ever they are, no caller of the same format reads them. */

const encoder = new TextEncoder();
const FRAMES = {
  "openai-chat": [
    ...["One", " two", " three"].map(
      (content) =>
        `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta: { content }, finish_reason: null }] })}\n\n`,
    ),
    `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta: {}, finish_reason: "stop" }] })}\n\n`,
    "data: [DONE]\n\n",
  ],
  "anthropic-messages": [
    {
      type: "message_start",
      message: {
        id: "msg_1",
        type: "message",
        role: "assistant",
        model: "m",
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: { input_tokens: 5, output_tokens: 1 },
      },
    },
    { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
    ...["One", " two", " three"].map((text) => ({
      type: "content_block_delta",
      index: 0,
      delta: { type: "text_delta", text },
    })),
    { type: "content_block_stop", index: 0 },
    { type: "message_delta", delta: { stop_reason: "end_turn", stop_sequence: null }, usage: { output_tokens: 3 } },
    { type: "message_stop" },
  ].map((data) => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`),
} as const;
const FORMATS = ["openai-chat", "anthropic-messages"] as const;
const PAGE = "<!doctype html>\n<html lang=en>\n<title>502: Bad gateway</title>\n<p>Ray ID: 8f2c</p>\n</html>\n";
const FOREIGN = /doctype|html|Ray ID|ping/i;

const streamOf = (format: (typeof FORMATS)[number], chunks: readonly string[]) =>
  play({ caller: format, backend: format, stream: true }, () =>
    eventStream(
      chunks.map((chunk) => encoder.encode(chunk)),
      "fin",
    ),
  );

describe.each(FORMATS)("a stream of %s that passes as it came", (format) => {
  const frames: readonly string[] = FRAMES[format];

  // planted: frames handed on as they came
  it("ends in the error frame, and without the page, where a page takes its place", async () => {
    for (let at = 0; at < frames.length - 2; at++)
      for (const page of [PAGE, `${PAGE}\n`, `\n${PAGE}\n\n`]) {
        const { body, status, event } = await streamOf(format, [...frames.slice(0, at), page]);
        expect([at, FOREIGN.exec(body)?.[0], event.outcome, event.failure]).toEqual([
          at,
          undefined,
          "failed",
          "backend_cut",
        ]);
        if (status === 200) expect(readStream(format, body).error).toBeDefined();
      }
  });

  // planted: a comment within a frame learned as a part of what plain frames look like
  it.each([
    ["pages", `${PAGE}\n`],
    ["pages that run into the next frame", PAGE],
    ["comments", ": ping\n\n"],
    ["comments that belong to a frame", ": ping\n"],
    ["lone events", "event: ping\n\n"],
  ])("is the answer alone where %s stand between its frames", async (_, foreign) => {
    const plain = await streamOf(format, frames);
    const mixed = await streamOf(
      format,
      frames.map((frame) => foreign + frame),
    );
    expect([mixed.body, mixed.event.outcome]).toEqual([plain.body, "completed"]);
    const joined = await streamOf(format, [frames.map((frame) => foreign + frame).join("")]);
    expect(joined.body).toBe(plain.body);
  });
});

// planted: a page held as a part of what came before the first token
it("reaches nobody from before the first token either", async () => {
  const [first = "", ...others] = FRAMES["openai-chat"];
  const { body } = await streamOf("openai-chat", [`${PAGE}\n${": ping\n\n".repeat(50)}`, first, ...others]);
  expect([FOREIGN.exec(body), readStream("openai-chat", body).text]).toEqual([null, "One two three"]);
});
