import fc from "fast-check";
import { expect, test } from "vitest";
import { RetryBudget } from "../../../src/routing/retry-budget.ts";

/** Calls that all fail and would all be tried again; how many were. */
function storm(budget: RetryBudget, calls: number, now: (call: number) => number): number {
  let retries = 0;
  for (let call = 0; call < calls; call++) {
    budget.deposit("a");
    if (budget.take("a", now(call))) retries++;
  }
  return retries;
}

// planted: a deposit of 2; MOST of 100; borrowing without a wait
test("in a storm at most one call in ten is a retry, whatever went well before it", () => {
  fc.assert(
    fc.property(fc.nat(500), fc.integer({ min: 1, max: 40 }), fc.nat(2_900), (before, tens, everyMs) => {
      const budget = new RetryBudget();
      for (let call = 0; call < before; call++) budget.deposit("a");
      const calls = tens * 10;
      const retries = storm(budget, calls, (call) => call * everyMs);
      expect(retries).toBeLessThanOrEqual(calls / 10);
      expect(retries).toBeGreaterThanOrEqual(calls / 10 - 1);
    }),
  );
});

// planted: no borrowing
test("a lone fault is tried again at once, and the next is when the first was paid for or half a minute ago", () => {
  const budget = new RetryBudget();
  const fails = (now: number) => {
    budget.deposit("a");
    return budget.take("a", now);
  };
  expect(fails(0)).toBe(true);
  expect(fails(1_000)).toBe(false);
  // Half a minute later what was borrowed is not paid back yet.
  expect(fails(30_001)).toBe(false);
  for (let call = 0; call < 8; call++) budget.deposit("a");
  expect(fails(31_000)).toBe(true);
});

test("each backend has its own", () => {
  const budget = new RetryBudget();
  expect([budget.take("a", 0), budget.take("a", 0), budget.take("b", 0)]).toEqual([true, false, true]);
});
