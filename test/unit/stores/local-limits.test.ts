import fc from "fast-check";
import { expect, test } from "vitest";
import { ShareLimits } from "../../../src/stores/local-limits.ts";

const MINUTE_MS = 60_000;

// planted: the share left out of the capacity
test("an isolate without Redis grants its share of the limit, and says when to come back", () => {
  const limits = new ShareLimits(0.25);
  const taken = Array.from({ length: 8 }, () => limits.take("k", 20, 1_000));
  expect(taken.filter(({ allowed }) => allowed).length).toBe(5);
  expect(taken.at(-1)).toEqual({ allowed: false, retryAfterMs: MINUTE_MS / 5 });
  expect(limits.take("k", 20, 1_000 + MINUTE_MS / 5).allowed).toBe(true);
  expect(limits.take("k", 20, 1_000 + MINUTE_MS / 5).allowed).toBe(false);
});

// planted: one bucket for all keys
test("keys do not share; a key without a limit has none; a limit of nothing allows nothing", () => {
  const limits = new ShareLimits(0.1);
  expect(limits.take("a", 10, 0).allowed).toBe(true);
  expect(limits.take("b", 10, 0).allowed).toBe(true);
  expect(limits.take("a", 10, 0).allowed).toBe(false);
  for (let time = 0; time < 100; time++) expect(limits.take("c", undefined, 0).allowed).toBe(true);
  expect(limits.take("d", 0, 0)).toEqual({ allowed: false, retryAfterMs: MINUTE_MS });
});

// planted: no cap on what is refilled
test("whatever the pace, a minute never grants more than the share twice over", () => {
  const gap = fc.oneof({ weight: 40, arbitrary: fc.nat(100) }, { weight: 1, arbitrary: fc.constant(600_000) });
  fc.assert(
    fc.property(fc.array(gap, { minLength: 100, maxLength: 200 }), fc.integer({ min: 4, max: 12 }), (gaps, limit) => {
      const limits = new ShareLimits(0.5);
      const granted: number[] = [];
      let now = 0;
      for (const gap of gaps) {
        now += gap;
        if (limits.take("k", limit, now).allowed) granted.push(now);
      }
      for (const start of granted) {
        const inMinute = granted.filter((at) => at >= start && at < start + MINUTE_MS).length;
        expect(inMinute).toBeLessThanOrEqual(2 * Math.max(1, Math.floor(limit / 2)));
      }
    }),
  );
});

// planted: a clock that steps back refills
test("a clock that steps back grants nothing", () => {
  const limits = new ShareLimits(1);
  limits.take("k", 1, 100_000);
  expect(limits.take("k", 1, 0).allowed).toBe(false);
});

// planted: no bound
test("memory is bounded however many keys there are, and the one used last is kept", () => {
  const limits = new ShareLimits(1);
  limits.take("first", 1, 0);
  for (let key = 0; key < 12_000; key++) {
    limits.take(`k${key}`, 1, 0);
    if (key % 5_000 === 0) limits.take("first", 1, 0);
  }
  expect(limits.size).toBe(10_000);
  expect(limits.take("first", 1, 0).allowed).toBe(false);
});
