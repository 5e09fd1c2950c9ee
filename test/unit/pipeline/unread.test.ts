import { expect, it } from "vitest";
import type { Config, Route } from "../../../src/core/config.ts";
import type { SeatReply } from "../../../src/core/ports.ts";
import { readStream } from "../../support/caller.ts";
import { begin, NOW, PLAYED_CONFIG } from "../../support/pipeline.ts";

/** A stream whose time is over: whether its backend was slow, or nobody read. */

const encoder = new TextEncoder();
const said = (content: string, finish: string | null = null) =>
  encoder.encode(
    `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta: { content }, finish_reason: finish }] })}\n\n`,
  );

const TOTAL_MS = 300;

function config(): Config {
  const { openai } = PLAYED_CONFIG.backends;
  const route = PLAYED_CONFIG.routes["openai-chat"];
  if (!openai || !route) throw new Error("not the config that was meant");
  const rules = {
    count: 2,
    queue: 10,
    maxWaitMs: 20_000,
    spill: { afterMs: 5_000 },
    lowerShare: 0.1,
    tellFromMs: 20_000,
    coldAfterMs: 60_000,
  };
  const hurried: Route = { ...route, deadlines: { totalMs: TOTAL_MS } };
  return {
    ...PLAYED_CONFIG,
    backends: { ...PLAYED_CONFIG.backends, openai: { ...openai, seats: rules } },
    routes: { ...PLAYED_CONFIG.routes, "openai-chat": hurried },
  };
}

/** A stream of a token for each pull, at once or one in 20 ms; what the desk heard of it, and a reader. */
async function stream(everyMs: number, isDeaf = false) {
  const words: string[] = [];
  const startedAt = Date.now();
  const hurried = config();
  const seat = { answered: () => undefined, release: (how: string) => words.push(how) };
  const playing = begin(
    { caller: "openai-chat", backend: "openai-chat", stream: true },
    (_, signal) =>
      new Response(
        new ReadableStream<Uint8Array>(
          {
            start(controller) {
              if (!isDeaf) signal.addEventListener("abort", () => controller.error(new Error("stopped")));
            },
            async pull(controller) {
              // It says nothing more, and does not hear that it is to stop.
              if (isDeaf && Date.now() - startedAt > 50) await new Promise(() => undefined);
              if (everyMs > 0) await new Promise((done) => setTimeout(done, everyMs));
              if (!signal.aborted) controller.enqueue(said("word "));
            },
          },
          { highWaterMark: 0 },
        ),
        { headers: { "content-type": "text/event-stream" } },
      ),
    {
      config: () => hurried,
      clock: { now: () => NOW + Date.now() - startedAt },
      seats: {
        suspect: async () => undefined,
        take: () => ({ outcome: Promise.resolve<SeatReply>({ kind: "seated", seat }), leave: () => undefined }),
      },
    },
  );
  const { body } = await playing.reply;
  if (typeof body === "string") throw new Error(body);
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const first = decoder.decode((await reader.read()).value);
  return { playing, words, first, rest: () => restOf(reader, first) };
}

async function restOf(reader: ReadableStreamDefaultReader<Uint8Array>, first: string): Promise<string> {
  const decoder = new TextDecoder();
  let text = first;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text;
    text += decoder.decode(value);
  }
}

const waited = (ms: number) => new Promise((done) => setTimeout(done, ms));

// planted: `total` of the backend whoever was slow; the late reader's own first read
it.each([
  ["for good", 1_700],
  ["and comes back too late", TOTAL_MS + 300],
])("a client that stops reading %s is no failure of the backend", async (_, pauseMs) => {
  const { playing, words, rest } = await stream(0);
  await waited(pauseMs);
  const told = readStream("openai-chat", await rest());
  await playing.settled();
  const [settled] = playing.settlements;
  expect(settled?.event).toMatchObject({
    outcome: "cancelled",
    attempts: [{ outcome: "cancelled", detail: "unread" }],
  });
  expect(settled?.event.attempts[0]?.usage?.outputTokens).toBeGreaterThan(0);
  expect([settled?.breakers, words, playing.bugs]).toEqual([[], ["stopped"], []]);
  expect([told.error !== undefined, told.closed]).toEqual([true, false]);
});

// planted: no total time is the backend's
it("a backend that is read all the while, and does not finish, fails", async () => {
  const { playing, words, rest } = await stream(20);
  const told = readStream("openai-chat", await rest());
  await playing.settled();
  const [settled] = playing.settlements;
  expect(settled?.event).toMatchObject({ outcome: "failed", failure: "backend_timeout" });
  expect(settled?.event.attempts[0]?.detail).toBe("total");
  expect([settled?.breakers.map(({ healthy }) => healthy), words, told.error !== undefined]).toEqual([
    [false],
    ["failed"],
    true,
  ]);
});

// planted: whoever waits in vain called one who does not read
it("a backend that does not even hear that it is to stop fails while somebody waits for it", async () => {
  const { playing, words, rest } = await stream(20, true);
  void rest();
  await playing.settled();
  const [settled] = playing.settlements;
  expect(settled?.event).toMatchObject({ outcome: "failed", failure: "backend_timeout" });
  expect([settled?.breakers.map(({ healthy }) => healthy), words]).toEqual([[false], ["failed"]]);
});
