import { expect, test } from "vitest";
import { CLOSED_BREAKER } from "../../../src/core/breaker.ts";
import type { Config } from "../../../src/core/config.ts";
import type { BackendLoad } from "../../../src/core/load.ts";
import { BreakerView } from "../../../src/routing/breaker-view.ts";
import { LoadView } from "../../../src/routing/load-view.ts";
import { mayBeAsked } from "../../../src/stages/degrade.ts";
import { watchedChain } from "../../support/chain.ts";
import { NOW } from "../../support/pipeline.ts";

const { bare, watched: asked } = watchedChain();
const UP: BackendLoad = { up: true, waiting: 0, readAt: NOW, freshUntil: NOW + 45_000 };

function isAskable(load: BackendLoad, config: Config = asked, openUntil = 0): boolean {
  const loads = new LoadView();
  loads.learn({ breakers: {}, loads: { a: load } });
  const clock = { now: () => NOW };
  const breakers = new BreakerView(() => asked.backends.a?.breaker, clock.now);
  breakers.learn({ breakers: { "a/small": { ...CLOSED_BREAKER, failures: 3, openMs: 1_000, openUntil } } });
  const [target] = config.routes.chat?.targets ?? [];
  if (!target) throw new Error("no target");
  return mayBeAsked(target, config, { breakers, clock, loads });
}

// planted: the load not looked at; a word that is no longer fresh still counts; an operator's word does not go above it; the breaker not asked
test("a target may be asked now unless its breaker is open or its own fresh word says that it is down", () => {
  expect(isAskable(UP)).toBe(true);
  expect(isAskable({ ...UP, up: false })).toBe(false);
  // Full is not down: it will serve, later.
  expect(isAskable({ ...UP, waiting: 9 })).toBe(true);
  expect(isAskable({ ...UP, up: false, freshUntil: NOW })).toBe(true);
  // A backend that nobody asks how it is.
  expect(isAskable({ ...UP, up: false }, bare)).toBe(true);
  expect([isAskable(UP, asked, NOW + 1), isAskable(UP, asked, NOW - 1)]).toEqual([false, true]);
  const held = (hand: "open" | "closed"): Config => ({ ...asked, breakersByHand: new Map([["a/small", hand]]) });
  expect(isAskable({ ...UP, up: false }, held("closed"), NOW + 1)).toBe(true);
  expect(isAskable(UP, held("open"))).toBe(false);
});
