import { expect, test } from "vitest";
import type { BackendLoad } from "../../../src/core/load.ts";
import { type Get, Watch } from "../../../workers/seats/src/watch.ts";

type Reply = Awaited<ReturnType<Get>>;
const text = (status: number, body = ""): Reply => ({ status, text: body });

/** A watch over a backend that gives these replies to `/health`, the last one for ever. */
function watching(...healths: readonly Reply[]) {
  const told: BackendLoad[] = [];
  const asked: string[] = [];
  const clock = { now: 1_000_000 };
  let count = 0;
  const watch = new Watch({
    rules: { everyMs: 15_000, maxWaiting: 8, maxKvCache: 0.95 },
    get: async (path) => {
      asked.push(path);
      if (path === "/health") return healths[Math.min(count++, healths.length - 1)];
      return path === "/load" ? text(200, '{"server_load":5}') : text(200, "vllm:num_requests_waiting 9\n");
    },
    tell: async (load) => told.push(load),
    now: () => clock.now,
  });
  return { watch, told, asked, clock };
}

const FRESH = { readAt: 1_000_000, freshUntil: 1_045_000 };

test("what it reads of a backend that is up", async () => {
  const { watch, told } = watching(text(200));
  await watch.ask();
  // `/load` stands in for what `/metrics` did not tell.
  expect(told).toEqual([{ up: true, running: 5, waiting: 9, ...FRESH }]);
  expect(watch.isUnwell).toBe(true);
});

// planted: one failure is enough; a 503 is no failure
test.each([
  ["silence", undefined],
  ["a dead engine", text(503)],
  ["the tunnel", text(530, "<html>")],
])("%s, twice, is down; once it is not", async (_, reply) => {
  const down = watching(reply);
  await down.watch.ask();
  expect(down.told).toEqual([{ up: false, ...FRESH }]);
  expect([down.asked, down.watch.isUnwell]).toEqual([["/health", "/health"], true]);
  const slow = watching(reply, text(200));
  await slow.watch.ask();
  expect(slow.told).toMatchObject([{ up: true }]);
});

// planted: whatever is not 200 is down
test.each([302, 401, 403, 404])("a %i is nobody's word: nothing is told", async (status) => {
  const { watch, told } = watching(text(status));
  await watch.ask();
  expect([told, watch.isUnwell]).toEqual([[], false]);
});

// planted: no gap between two
test("however often it is told to ask: once at a time, and at most once a second", async () => {
  const { watch, told, clock } = watching(text(200));
  expect(watch.isDue).toBe(true);
  await Promise.all([watch.ask(), watch.ask(), watch.ask()]);
  await watch.ask();
  expect([told.length, watch.isDue]).toEqual([1, false]);
  clock.now += 1_000;
  await watch.ask();
  expect(told.length).toBe(2);
  clock.now += 15_000;
  expect(watch.isDue).toBe(true);
});
