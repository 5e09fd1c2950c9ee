import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type SimulatedBackend, startBackend } from "../../../dev/backends/main.ts";
import { Seats } from "../../../dev/backends/seats.ts";
import { eventually, rawPost } from "./raw-client.ts";

let backend: SimulatedBackend;
beforeAll(async () => {
  backend = await startBackend({ ttftMs: 0, tokensPerSecond: 0, maxNumSeqs: 2, maxQueued: 1 });
});
beforeEach(() => backend.reset());
afterAll(() => backend.close());

function ask(content: string, requestId: string, extra: object = {}) {
  const body = { model: "simulated-small", messages: [{ role: "user", content }], ...extra };
  return rawPost(backend.url, { headers: { "x-request-id": requestId }, body });
}

const loadNow = async () =>
  ((await (await fetch(`${backend.url}/load`)).json()) as { server_load: number }).server_load;

// planted: ttft was taken for tokens per second
test("the first token waits for its time and the rest keep their rate, streamed or not", async () => {
  for (const stream of [true, false]) {
    const startedAt = performance.now();
    await ask("[[sim:ttft=60]][[sim:tps=100]][[sim:tokens=11]]", "paced", { stream });
    // 60 ms, then ten intervals of 10 ms. Only the lower bound is certain on a shared machine.
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(158);
  }
});

// planted: the first frame waited for the last token
test("a paced stream arrives frame by frame", async () => {
  const response = await fetch(`${backend.url}/v1/chat/completions`, {
    method: "POST",
    body: JSON.stringify({
      model: "simulated-small",
      stream: true,
      messages: [{ role: "user", content: "[[sim:tps=40]][[sim:tokens=8]]" }],
    }),
  });
  const arrivals: number[] = [];
  for await (const piece of response.body ?? []) if (piece.length > 0) arrivals.push(performance.now());
  // Seven intervals of 25 ms lie between the first token and the last; a loaded machine may read the first one late, but not by all of them.
  expect((arrivals.at(-1) ?? 0) - (arrivals[0] ?? 0)).toBeGreaterThan(25);
});

// planted: every frame of a burst was joined to one chunk
test("pacing of zero still makes one HTTP chunk of each frame, for the bench model too", async () => {
  for (const model of ["simulated-small", "simulated-bench"]) {
    const answer = await rawPost(backend.url, {
      body: { model, stream: true, messages: [{ role: "user", content: "[[sim:frames=300]]" }] },
    });
    expect(answer.isWhole).toBe(true);
    // The role, 300 tokens, the finish and [DONE].
    expect(answer.chunkSizes).toHaveLength(303);
  }
});

// planted: the queue had no end
test("sequences are bounded, a queue waits behind them, and one more is refused with 503", async () => {
  const slow = "[[sim:ttft=600]][[sim:tokens=1]]";
  const first = [ask(slow, "one"), ask(slow, "two"), ask(slow, "three")];
  await eventually(() => (backend.tally().length === 3 ? true : undefined), "three calls");
  expect(await loadNow()).toBe(3);
  const metrics = await (await fetch(`${backend.url}/metrics`)).text();
  expect(metrics).toMatch(/^vllm:num_requests_running\{.*\} 2$/m);
  expect(metrics).toMatch(/^vllm:num_requests_waiting\{.*\} 1$/m);
  expect((await ask("hi", "four")).status).toBe(503);
  expect((await Promise.all(first)).map((answer) => answer.status)).toEqual([200, 200, 200]);
  const freedAtMs = Math.min(
    ...["one", "two"].map((id) => backend.tally(id)[0]?.finishedAtMs ?? Number.POSITIVE_INFINITY),
  );
  expect(backend.tally("three")[0]?.firstByteAtMs).toBeGreaterThanOrEqual(freedAtMs + 590);
  expect(backend.tally("four")[0]).toMatchObject({ outcome: "refused", tokensGenerated: 0 });
  expect(await loadNow()).toBe(0);
});

// planted: n was taken for one sequence
test("n choices take n seats", async () => {
  const slow = "[[sim:ttft=100]][[sim:tokens=1]]";
  const wide = ask(slow, "wide", { n: 2 });
  await eventually(() => (backend.tally("wide").length === 1 ? true : undefined), "the wide call");
  const next = ask("[[sim:tokens=1]]", "next");
  await wide;
  await next;
  expect(backend.tally("next")[0]?.firstByteAtMs).toBeGreaterThanOrEqual(
    backend.tally("wide")[0]?.finishedAtMs ?? Number.POSITIVE_INFINITY,
  );
});

// planted: a waiting seat stayed in the queue after leave()
test("a seat is given back once, from the queue as well, and the next in line runs", () => {
  const seats = new Seats(1, 2);
  const first = seats.enter(1);
  const second = seats.enter(1);
  const third = seats.enter(1);
  if (first === undefined || second === undefined || third === undefined) throw new Error("three fit");
  expect(seats.enter(1)).toBeUndefined();
  let ran = false;
  third.onRun = () => {
    ran = true;
  };
  seats.leave(second);
  seats.leave(first);
  seats.leave(first);
  expect(ran).toBe(true);
  expect([seats.runningRequests, seats.runningSequences, seats.waiting.length]).toEqual([1, 1, 0]);
});

// planted: raising the limit woke nobody
test("pacing can be changed while it runs, and raised limits wake who waits", () => {
  const seats = new Seats(1, 2);
  seats.enter(1);
  const waiting = seats.enter(1);
  seats.maxNumSeqs = 2;
  seats.advance();
  expect(waiting?.running).toBe(true);
});
