import { expect, test } from "vitest";
import type { Backend, Route } from "../../../src/core/config.ts";
import { type BackendLoad, loadText, parseLoad } from "../../../src/core/load.ts";
import { type PlanInput, plan } from "../../../src/routing/plan.ts";
import { backend, config, route, target } from "./example.ts";
import { NOW, open, planInput } from "./planning.ts";

const HEALTH = { everyMs: 15_000, maxWaiting: 8, maxKvCache: 0.95 };
const SEATS = {
  count: 4,
  queue: 10,
  maxWaitMs: 1_000,
  spill: { afterMs: 1_000 },
  lowerShare: 0.1,
  tellFromMs: 1_000,
  coldAfterMs: 1_000,
};
const DOWN: BackendLoad = { up: false, readAt: NOW, freshUntil: NOW + 1 };
const WELL: BackendLoad = { up: true, waiting: 8, kvCache: 0.94, readAt: NOW, freshUntil: NOW + 1 };
const WAITING: BackendLoad = { ...WELL, waiting: 9 };
const FULL: BackendLoad = { ...WELL, kvCache: 0.95 };

function planned(
  of: Route,
  loads: Readonly<Record<string, BackendLoad>>,
  changes: Partial<PlanInput> = {},
  like: Partial<Backend> = {},
) {
  const names = ["a", "b", "c", "d"];
  const input = planInput(names, { loads: (name) => loads[name], ...changes }, { health: HEALTH, ...like });
  const { attempts, skipped } = plan(of, input);
  return {
    tried: attempts.map(({ backend: { name }, reason }) => `${name} ${reason}`),
    skipped: skipped.map(({ backend: name, reason }) => `${name} ${reason}`),
  };
}

const TWO = route([target("a", 3), target("b")], [target("c")]);

// planted: `isPassed` looks at the breaker only
test("a backend that is down is passed over, and tried where there is nothing else", () => {
  expect(planned(TWO, { a: DOWN })).toEqual({ tried: ["b weighted-choice", "c fallback"], skipped: ["a unhealthy"] });
  expect(planned(route([target("a")]), { a: DOWN }).tried).toEqual(["a last-resort"]);
});

// planted: freshUntil is not looked at
test("nobody knows: as if it were well", () => {
  const all = ["a weighted-choice", "b other-target", "c fallback"];
  expect(planned(TWO, {}).tried).toEqual(all);
  expect(planned(TWO, { a: WELL, b: WELL }).tried).toEqual(all);
  expect(planned(TWO, { a: { ...DOWN, freshUntil: NOW } }).tried).toEqual(all);
  const { health: _, ...plain } = { ...backend("a"), health: HEALTH };
  expect(
    planned(TWO, { a: DOWN }, { config: config(["a", "b", "c"].map((name) => ({ ...plain, name }))) }).tried,
  ).toEqual(all);
});

// planted: the last resort is the one whose breaker closed first, though it is down
test("the last resort is an open breaker rather than what has just said that it is down", () => {
  const breakers = { "b/b-model": open(9_000) };
  expect(planned(route([target("a"), target("b")]), { a: DOWN }, { breakers }).tried).toEqual(["b last-resort"]);
});

// planted: byHand is not looked at
test("a breaker that is held closed goes above it", () => {
  const held = {
    ...config([{ ...backend("a"), health: HEALTH }]),
    breakersByHand: new Map([["a", "closed" as const]]),
  };
  expect(planned(route([target("a")]), { a: DOWN }, { config: held }).tried).toEqual(["a weighted-choice"]);
});

// planted: `>=` for waiting; saturated targets are drawn all the same
test.each([WAITING, FULL])("a backend that is full comes behind the others", (load) => {
  expect(planned(TWO, { a: load }).tried).toEqual(["b weighted-choice", "c fallback", "a saturated"]);
  expect(planned(TWO, { a: load }, { drawn: TWO.targets[0] as never }).tried[0]).toBe("b weighted-choice");
  expect(planned(TWO, { a: load, b: load, c: load }).tried).toEqual([
    "a weighted-choice",
    "b other-target",
    "c fallback",
  ]);
  expect(planned(route([target("a")]), { a: load }).tried).toEqual(["a weighted-choice"]);
});

// planted: every fallback stands before it
test("but before the fallbacks that are not there for an overload", () => {
  const apart = route([target("a")], [target("b"), { ...target("c"), on: ["tunnel"] }]);
  expect(planned(apart, { a: FULL }).tried).toEqual(["b fallback", "a saturated", "c fallback"]);
});

// planted: seats are not looked at
test("and before all of them where its seats say who may leave", () => {
  expect(planned(TWO, { a: FULL }, {}, { seats: SEATS }).tried).toEqual([
    "b weighted-choice",
    "a saturated",
    "c fallback",
  ]);
});

// planted: a text that cannot be read is a backend that is down
test("what is written is what is read; anything else says nothing", () => {
  const whole: BackendLoad = {
    up: true,
    running: 3,
    waiting: 0,
    kvCache: 0.5,
    prefixHits: 1,
    readAt: 5,
    freshUntil: 9,
  };
  for (const load of [whole, DOWN, WELL]) expect(parseLoad(loadText(load))).toEqual(load);
  for (const text of [null, 1, "", "0", "0 - - - -", `2${loadText(whole).slice(1)}`, `${loadText(whole)} 1`])
    expect(parseLoad(text)).toBeUndefined();
});
