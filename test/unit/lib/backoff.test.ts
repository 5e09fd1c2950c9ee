import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backoffMs, MAX_RETRY_AFTER_MS, retryAfterMsOf } from "../../../src/lib/backoff.ts";

const NOW = Date.UTC(2026, 10, 21, 12, 0, 0);
const read = (headers: Record<string, string>) => retryAfterMsOf({ get: (name) => headers[name] ?? null }, NOW);

describe("backoffMs", () => {
  const rule = { baseMs: 100, maxMs: 2000 };
  // planted: `random` scaled to the upper half of the span (equal jitter)
  it("lies anywhere between nothing and the span, which doubles up to its cap", () => {
    expect([0, 1, 2, 3, 4, 5, 60].map((attempt) => backoffMs(rule, attempt, () => 0.9999999))).toEqual([
      99, 199, 399, 799, 1599, 1999, 1999,
    ]);
    expect(backoffMs(rule, 5, () => 0)).toBe(0);
  });

  it("never asks before the time that the backend named", () => {
    fc.assert(
      fc.property(
        fc.nat(40),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        fc.nat(10_000),
        (attempt, chance, wish) => {
          expect(backoffMs(rule, attempt, () => chance, wish)).toBeGreaterThanOrEqual(wish);
        },
      ),
    );
  });
});

describe("retryAfterMsOf", () => {
  it("reads milliseconds before seconds, and dates against the clock", () => {
    expect(read({ "retry-after-ms": "250", "retry-after": "9" })).toBe(250);
    expect(read({ "retry-after": "2" })).toBe(2000);
    expect(read({ "retry-after": " 1.5 " })).toBe(1500);
    expect(read({ "retry-after": "Sat, 21 Nov 2026 12:00:30 GMT" })).toBe(30_000);
    expect(read({ "retry-after": "Sat, 21 Nov 2026 11:00:00 GMT" })).toBe(0);
  });

  // planted: the bound left out for dates
  it("is bounded by an hour, whatever a backend says", () => {
    for (const huge of ["99999999999999999999", "9".repeat(290), "Sat, 21 Nov 2099 12:00:00 GMT"])
      expect(read({ "retry-after": huge })).toBe(MAX_RETRY_AFTER_MS);
  });

  it("takes garbage for nothing said", () => {
    for (const garbage of [
      "",
      "soon",
      "-5",
      "1e9",
      "NaN",
      "Infinity",
      "0x10",
      "tomorrow 5",
      "1,5",
      "9".repeat(5000),
      "é",
      "Blah, 99",
    ]) {
      expect(read({ "retry-after": garbage }), garbage).toBeUndefined();
    }
    fc.assert(
      fc.property(fc.string(), (value) => {
        const wait = read({ "retry-after": value });
        expect(wait === undefined || (Number.isInteger(wait) && wait >= 0 && wait <= MAX_RETRY_AFTER_MS)).toBe(true);
      }),
    );
  });
});
