import { expect, test } from "vitest";
import type { BackendLoad } from "../../../src/core/load.ts";
import { type Get, Watch } from "../../../workers/seats/src/watch.ts";

type Reply = Awaited<ReturnType<Get>>;
const text = (status: number, body = ""): Reply => ({ status, text: body });

/** A watch over a backend that gives these replies to `/health`, the last one for ever, and has so many waiting at each look. */
function watching(
  healths: readonly Reply[],
  waiting: readonly number[] = [9],
  { everyMs = 15_000, tookMs = 0 }: { readonly everyMs?: number; readonly tookMs?: number } = {},
) {
  const told: BackendLoad[] = [];
  const asked: string[] = [];
  const pauses: number[] = [];
  const clock = { now: 1_000_000 };
  let count = 0;
  let looks = 0;
  const watch = new Watch({
    rules: { everyMs, maxWaiting: 8, maxKvCache: 0.95 },
    get: async (path) => {
      asked.push(path);
      // Beside each other.
      if (path !== "/load") clock.now += tookMs;
      if (path === "/health") return healths[Math.min(count++, healths.length - 1)];
      if (path === "/load") return text(200, '{"server_load":5}');
      return text(200, `vllm:num_requests_waiting ${waiting[Math.min(looks++, waiting.length - 1)]}\n`);
    },
    tell: async (load) => told.push(load),
    now: () => clock.now,
    pause: async (ms) => {
      pauses.push(ms);
      if (tookMs > 0) clock.now += ms;
    },
  });
  return { watch, told, asked, clock, pauses };
}

const FRESH = { readAt: 1_000_000, freshUntil: 1_045_000 };

test("what it reads of a backend that is up", async () => {
  const { watch, told } = watching([text(200)]);
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
  const down = watching([reply]);
  await down.watch.ask();
  expect(down.told).toEqual([{ up: false, ...FRESH }]);
  expect([down.asked, down.watch.isUnwell]).toEqual([["/health", "/health"], true]);
  const slow = watching([reply, text(200)]);
  await slow.watch.ask();
  expect(slow.told).toMatchObject([{ up: true }]);
});

// planted: whatever is not 200 is down
test.each([302, 401, 403, 404])("a %i is nobody's word: nothing is told", async (status) => {
  const { watch, told } = watching([text(status)]);
  await watch.ask();
  expect([told, watch.isUnwell]).toEqual([[], false]);
});

// planted: three readings however short; from when the backend was asked
test.each([1_000, 2_000, 5_000, 15_000])(
  "told every %i ms, what was told counts until the next is told, however slow both are",
  async (everyMs) => {
    for (const [reply, tookMs] of [
      [undefined, 2_000],
      [text(200), 1_999],
    ] as const) {
      const { watch, told, clock } = watching([reply], [9], { everyMs, tookMs });
      await watch.ask();
      const toldAt = clock.now;
      clock.now = toldAt + everyMs;
      await watch.ask();
      expect(told[0]?.freshUntil).toBeGreaterThanOrEqual(clock.now);
      expect(told[0]?.freshUntil).toBeGreaterThanOrEqual(toldAt + 3 * everyMs);
    }
  },
);

// planted: no gap between two
test("however often it is told to ask: once at a time, and at most once a second", async () => {
  const { watch, told, clock } = watching([text(200)]);
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

// planted: one look is enough; the larger of two counts
test.each([
  [[9, 2], 2],
  [[3, 7], 3],
  [[1, 0], 0],
])(
  "of two looks at those who wait, %j, the smaller number counts: a request may only be on its way",
  async (waiting, told) => {
    const watched = watching([text(200)], waiting);
    await watched.watch.ask();
    expect(watched.told).toMatchObject([{ waiting: told }]);
    expect(watched.pauses).toEqual([500]);
  },
);

// planted: a second look whatever the first says
test("nobody waits: one look", async () => {
  const { asked, pauses, watch } = watching([text(200)], [0]);
  await watch.ask();
  expect([asked, pauses]).toEqual([["/health", "/metrics", "/load"], []]);
});
