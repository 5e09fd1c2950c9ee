import { expect, test } from "vitest";
import { CLOSED_BREAKER } from "../../../src/core/breaker.ts";
import type { Config, Route } from "../../../src/core/config.ts";
import type { BackendLoad } from "../../../src/core/load.ts";
import { BreakerView } from "../../../src/routing/breaker-view.ts";
import { LoadView } from "../../../src/routing/load-view.ts";
import { wellFirst } from "../../../src/stages/standing.ts";
import { configOf } from "../../support/chain.ts";
import { NOW } from "../../support/pipeline.ts";

const bare = configOf(`
  chat:
    targets: [{backend: a, model: small}]
    fallbacks: [{backend: b, model: large}]
`);
const { a } = bare.backends;
if (!a) throw new Error("no backend a");
const health = { everyMs: 15_000, maxWaiting: 8, maxKvCache: 0.95 };
const asked: Config = { ...bare, backends: { ...bare.backends, a: { ...a, health } } };
const UP: BackendLoad = { up: true, waiting: 0, readAt: NOW, freshUntil: NOW + 45_000 };

function firstOf(load: BackendLoad, config: Config = asked, openUntil = 0): string | undefined {
  const loads = new LoadView();
  loads.learn({ breakers: {}, loads: { a: load } });
  const clock = { now: () => NOW };
  const breakers = new BreakerView(() => a?.breaker, clock.now);
  breakers.learn({ breakers: { "a/small": { ...CLOSED_BREAKER, failures: 3, openMs: 1_000, openUntil } } });
  const gateway = { availableBackends: new Set(["a", "b"]), breakers, clock, loads };
  return wellFirst({ route: config.routes.chat as Route, drawn: undefined, config }, gateway);
}

// planted: the load not looked at; a word that is no longer fresh still counts; an operator's `closed` does not go above it; the breaker not asked
test("a first step is well unless its breaker or its own fresh word says otherwise", () => {
  expect(firstOf(UP)).toBe("a/small");
  expect(firstOf({ ...UP, up: false })).toBeUndefined();
  expect(firstOf({ ...UP, waiting: 9 })).toBeUndefined();
  expect(firstOf({ ...UP, kvCache: 0.95 })).toBeUndefined();
  expect(firstOf({ ...UP, up: false, freshUntil: NOW })).toBe("a/small");
  // A backend that nobody asks how it is.
  expect(firstOf({ ...UP, up: false }, bare)).toBe("a/small");
  expect(firstOf(UP, asked, NOW + 1)).toBeUndefined();
  const held: Config = { ...asked, breakersByHand: new Map([["a/small", "closed"]]) };
  expect(firstOf({ ...UP, up: false }, held, NOW + 1)).toBe("a/small");
});
