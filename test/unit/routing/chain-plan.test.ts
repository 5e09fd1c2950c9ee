import { describe, expect, test } from "vitest";
import type { Target } from "../../../src/core/config.ts";
import type { Price } from "../../../src/core/money.ts";
import { dearestPrice, type PlanInput, plan } from "../../../src/routing/plan.ts";
import { config, route, target } from "./example.ts";
import { open, planInput } from "./planning.ts";

const NAMES = ["a", "b", "c"];

function planned(steps: readonly Target[], changes: Partial<PlanInput> = {}, more = {}) {
  const [first, ...fallbacks] = steps;
  const made = plan(route(first ? [first] : [], fallbacks, more), planInput(NAMES, changes));
  return {
    attempts: made.attempts.map(({ backend, reason }) => `${backend.name} ${reason}`),
    skipped: made.skipped.map(({ backend, reason }) => `${backend} ${reason}`),
  };
}

const small = { ...target("a"), contextTokens: 100 };
const large: Target = { ...target("b"), contextTokens: 1_000, on: ["context"] };

describe("a context that is too small by our own estimate", () => {
  // planted: the needed tokens not compared
  test("is passed over where a larger step may take it", () => {
    const { attempts, skipped } = planned([small, large, target("c")], { neededTokens: 101 });
    expect(attempts).toEqual(["b larger-context", "c fallback"]);
    expect(skipped).toEqual(["a context-too-small"]);
    expect(planned([small, large], { neededTokens: 100 }).attempts).toEqual(["a weighted-choice", "b fallback"]);
  });

  // planted: `isTold` left out
  test("is the backend's to judge where no step may: an estimate is no proof", () => {
    expect(planned([small, { ...large, on: ["error"] }], { neededTokens: 500 }).attempts).toHaveLength(2);
    expect(planned([small, large], { neededTokens: 5_000 }).attempts).toEqual(["a weighted-choice", "b fallback"]);
    expect(planned([small, large], { neededTokens: 500, noFallback: true }).attempts).toEqual(["a weighted-choice"]);
  });
});

describe("a step that names what leads to it", () => {
  // planted: `isLed` always true
  test("is not taken for another reason, though nobody else stands", () => {
    expect(planned([small, large, target("c")], { breakers: { "a/a-model": open(5_000) } })).toEqual({
      attempts: ["c fallback"],
      skipped: ["a breaker-open", "b not-led-to"],
    });
    const alone = planned([small, large], { breakers: { "a/a-model": open(5_000) } });
    expect(alone).toEqual({ attempts: ["a last-resort"], skipped: ["b not-led-to"] });
    expect(planned([small, large], { availableBackends: new Set(["b"]) }).attempts).toEqual([]);
  });

  test("keeps its place behind a target that stands, and behind one that may not be had where it says so", () => {
    expect(planned([small, large]).attempts).toEqual(["a weighted-choice", "b fallback"]);
    const led: Target = { ...large, on: ["unavailable"] };
    expect(planned([small, led], { breakers: { "a/a-model": open(5_000) } }).attempts).toEqual(["b fallback"]);
  });
});

describe("price ceilings of the configuration", () => {
  const price = (outputPerMillion: number): Price => ({ inputPerMillion: 1, outputPerMillion });
  const steps = [
    target("a", 1, price(1)),
    { ...target("b", 1, price(5)), priceCeiling: price(4) },
    target("c", 1, price(9)),
  ];

  // planted: the step's own not looked at; the route's not looked at
  test("leave out a step whose price the overlay raised above its own or the route's", () => {
    expect(planned(steps).skipped).toEqual(["b above-price-ceiling"]);
    expect(planned(steps, {}, { priceCeiling: price(8) }).attempts).toEqual(["a weighted-choice"]);
  });

  // planted: dearestPrice without ceilings
  test("and it is not reserved for", () => {
    const [first, ...fallbacks] = steps;
    const reserved = (more = {}) => dearestPrice(route(first ? [first] : [], fallbacks, more), config([]));
    expect(reserved().outputPerMillion).toBe(9);
    expect(reserved({ priceCeiling: price(8) }).outputPerMillion).toBe(1);
  });
});
