import { type BreakerState, CLOSED_BREAKER } from "../../../src/core/breaker.ts";
import type { Backend } from "../../../src/core/config.ts";
import type { PlanInput, plan } from "../../../src/routing/plan.ts";
import { backend, config } from "./example.ts";

export const NOW = 1_000_000;

/** What a plan is made of where all is well: these backends are there, and no breaker is known. `like`: what all of them have. */
export function planInput(
  names: readonly string[],
  changes: Partial<PlanInput> = {},
  like: Partial<Backend> = {},
): PlanInput {
  return {
    config: config(names.map((name) => ({ ...backend(name), ...like }))),
    availableBackends: new Set(names),
    breakers: {},
    now: NOW,
    random: () => 0,
    ...changes,
  };
}

/** A breaker that failures in a row have opened. */
export const open = (forMs: number): BreakerState => ({
  ...CLOSED_BREAKER,
  failures: 3,
  openUntil: NOW + forMs,
  openMs: 10_000,
});

export const namesOf = (planned: ReturnType<typeof plan>): string[] =>
  planned.attempts.map((attempt) => attempt.backend.name);
