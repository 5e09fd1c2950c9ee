import { describe, expect, it } from "vitest";
import type { Policy } from "../../../src/core/policy.ts";
import { policies } from "../../../src/policies/registry.ts";
import { readStream } from "../../support/caller.ts";
import { type Answering, begin, type PlayedRequest, play } from "../../support/pipeline.ts";

/** The client leaves, or something breaks that nobody thought of: the backend is told, and the books are closed once. */

const encoder = new TextEncoder();
const chunk = (delta: unknown, finish: string | null = null) =>
  encoder.encode(
    `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`,
  );
const USAGE = encoder.encode(
  'data: {"id":"c","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":4,"total_tokens":9}}\n\ndata: [DONE]\n\n',
);
const FRAMES = [
  chunk({ role: "assistant", content: "" }),
  ...["One", " two", " three", " four"].map((content) => chunk({ content })),
  chunk({}, "stop"),
  USAGE,
];

/** A backend that gives a frame when it is pulled, waits where it is told to, and knows whether it was stopped. */
function backend(stallsAt = Number.POSITIVE_INFINITY): {
  readonly answering: Answering;
  stoppedAt: () => number | undefined;
} {
  let stoppedAt: number | undefined;
  return {
    stoppedAt: () => stoppedAt,
    answering: (_call, signal) => {
      let at = 0;
      const body = new ReadableStream<Uint8Array>(
        {
          start(controller) {
            signal.addEventListener("abort", () => {
              stoppedAt ??= at;
              controller.error(new Error("aborted"));
            });
          },
          pull(controller) {
            const frame = FRAMES[at];
            if (at === stallsAt) return new Promise(() => undefined);
            at++;
            if (frame) controller.enqueue(frame);
            else controller.close();
          },
          cancel() {
            stoppedAt ??= at;
          },
        },
        { highWaterMark: 0 },
      );
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    },
  };
}

const STREAM: PlayedRequest = { caller: "openai-chat", backend: "openai-chat", stream: true };
const DRAINED: PlayedRequest = { ...STREAM, alias: "drained" };

async function bodyOf(playing: ReturnType<typeof begin>): Promise<ReadableStreamDefaultReader<Uint8Array>> {
  const { body } = await playing.reply;
  if (typeof body === "string") throw new Error(body);
  return body.getReader();
}

describe("a client that leaves a stream", () => {
  // planted: `cancel` of the backend's stream that closes no record
  it("is settled once as cancelled, with what it was given, when the runtime cancels the body", async () => {
    const { answering, stoppedAt } = backend();
    const playing = begin(STREAM, answering);
    const reader = await bodyOf(playing);
    await reader.read();
    await reader.read();
    await reader.cancel();
    playing.leave();
    await playing.settled();
    expect(stoppedAt()).toBeLessThan(FRAMES.length);
    expect(playing.settlements.map(({ event }) => event.outcome)).toEqual(["cancelled"]);
    expect(playing.settlements[0]?.event).toMatchObject({ estimated: true, usage: { outputTokens: 2 } });
    expect(playing.settlements[0]?.cacheWrite).toBeUndefined();
  });

  // planted: a stream that listens to its body's cancelling alone
  it("is settled though the runtime never pulled the body, nor cancels it", async () => {
    const { answering, stoppedAt } = backend();
    const playing = begin(STREAM, answering);
    await playing.reply;
    playing.leave();
    await playing.settled();
    expect(stoppedAt()).toBeDefined();
    expect(playing.settlements.map(({ event }) => event.outcome)).toEqual(["cancelled"]);
  });

  // planted: an attempt that does not listen for the client's leaving
  it("is settled while a read hangs", async () => {
    const { answering, stoppedAt } = backend(3);
    const playing = begin(STREAM, answering);
    const reader = await bodyOf(playing);
    await reader.read();
    await reader.read();
    const hanging = reader.read();
    playing.leave();
    await playing.settled();
    await hanging.catch(() => undefined);
    expect(stoppedAt()).toBe(3);
    expect(playing.settlements.map(({ event }) => event.outcome)).toEqual(["cancelled"]);
  });

  // planted: an attempt that does not listen for the client's leaving
  it("is settled while the first token is waited for, for JSON as for a stream", async () => {
    for (const stream of [true, false]) {
      const { answering, stoppedAt } = backend(1);
      const playing = begin({ ...STREAM, stream }, (call, signal) => {
        setTimeout(playing.leave, 5);
        return answering(call, signal);
      });
      expect((await playing.reply).status).toBe(499);
      await playing.settled();
      expect(stoppedAt()).toBe(1);
      expect(playing.settlements.map(({ event }) => event.outcome)).toEqual(["cancelled"]);
    }
  });
});

describe("a route that drains", () => {
  // planted: a route that drains treated as one that does not
  it.each([
    ["cancelled by the runtime", true],
    ["known to have left, and never cancelled", false],
  ])("books the whole answer, and keeps it, when the client is %s", async (_, cancels) => {
    const { answering, stoppedAt } = backend();
    const playing = begin(DRAINED, answering);
    const reader = await bodyOf(playing);
    await reader.read();
    if (cancels) await reader.cancel();
    else playing.leave();
    await playing.settled();
    expect(stoppedAt()).toBeUndefined();
    expect(playing.settlements.length).toBe(1);
    expect(playing.settlements[0]?.event).toMatchObject({
      outcome: "completed",
      estimated: false,
      usage: { inputTokens: 5, outputTokens: 4 },
    });
    expect(playing.settlements[0]?.cacheWrite).toBeDefined();
  });

  // planted: `departure.gone` alone taken for a request that nobody wants any more
  it("collects on for a JSON caller that has left", async () => {
    const { answering, stoppedAt } = backend();
    const playing = begin({ ...DRAINED, stream: false }, (call, signal) => {
      queueMicrotask(playing.leave);
      return answering(call, signal);
    });
    await playing.reply;
    await playing.settled();
    expect(stoppedAt()).toBeUndefined();
    expect(playing.settlements.map(({ event }) => [event.outcome, event.usage?.outputTokens])).toEqual([
      ["completed", 4],
    ]);
  });

  // planted: `departure.gone` alone taken for a request that nobody wants any more
  it("books a backend that breaks off behind the client's back as failed", async () => {
    const answering: Answering = () =>
      new Response(Buffer.concat(FRAMES.slice(0, 3)), {
        headers: { "content-type": "text/event-stream" },
      });
    const playing = begin(DRAINED, answering);
    await playing.reply;
    playing.leave();
    await playing.settled();
    expect(playing.settlements.map(({ event }) => [event.outcome, event.failure])).toEqual([["failed", "backend_cut"]]);
  });
});

describe("a policy that looks at answers", () => {
  const looking: Policy = {
    name: "looking",
    whenBroken: "allow",
    onAnswer: () => ({ onFrame: (frame) => [frame], onEnd: () => [] }),
  };

  // planted: `cancel` not handed on by `screen`
  it("does not keep a client's leaving from the backend", async () => {
    const { answering, stoppedAt } = backend();
    const playing = begin(STREAM, answering, { policies: [...policies, looking] });
    const reader = await bodyOf(playing);
    await reader.read();
    await reader.cancel();
    await playing.settled();
    expect(stoppedAt()).toBeDefined();
    expect(playing.settlements.map(({ event }) => event.outcome)).toEqual(["cancelled"]);
  });

  // planted: the bug reported, and the stream not given up
  it.each([true, false])(
    "and that throws in mid-stream leaves an error and one settlement (streamed: %s)",
    async (stream) => {
      let seen = 0;
      const throwing: Policy = {
        name: "throwing",
        whenBroken: "refuse",
        onAnswer: () => ({
          onFrame(frame) {
            if (++seen === 4) throw new Error("a bug in a policy");
            return [frame];
          },
          onEnd: () => [],
        }),
      };
      const { answering, stoppedAt } = backend();
      const played = await play({ ...STREAM, stream }, answering, { policies: [throwing] });
      expect(played.bugs.map(String)).toEqual(["Error: a bug in a policy"]);
      if (stream)
        expect(readStream("openai-chat", played.body)).toMatchObject({
          closed: false,
          error: { code: "internal_error" },
        });
      else expect(played.status).toBe(500);
      expect(stoppedAt()).toBeDefined();
      expect(played.settlements.map(({ event }) => [event.outcome, event.failure])).toEqual([
        ["failed", "gateway_internal"],
      ]);
      expect(played.event).toMatchObject({ estimated: true });
    },
  );
});
