import type { BreakerConfig } from "../core/config.ts";
import type { BreakerState } from "../core/ports.ts";

/** `half-open`: the opening is over and nobody knows yet whether the backend is well; the next attempt is a probe. */
export type BreakerPhase = "closed" | "open" | "half-open";

export const CLOSED: BreakerState = { failures: 0, openUntil: 0, openMs: 0 };

export function phaseOf(state: BreakerState | undefined, now: number): BreakerPhase {
  if (state === undefined || state.openUntil === 0) return "closed";
  return now < state.openUntil ? "open" : "half-open";
}

/**
 * The same transitions as the script in Redis makes, which is the one that isolates share. Enough failures in a row open the
 * breaker; a failed probe opens it again for twice as long, up to `maxOpenMs`. What ends while it is open began before: it changes nothing.
 */
export function afterFailure(state: BreakerState, config: BreakerConfig, now: number): BreakerState {
  const phase = phaseOf(state, now);
  if (phase === "open") return state;
  const failures = state.failures + 1;
  if (phase === "closed" && failures < config.failures) return { ...state, failures };
  const openMs = state.openMs === 0 ? config.openMs : Math.min(state.openMs * 2, config.maxOpenMs);
  return { failures, openUntil: now + openMs, openMs };
}

/** Closes it. The length of the last opening is kept, so that a backend that oscillates stays away longer each time. */
export function afterSuccess(state: BreakerState, now: number): BreakerState {
  if (phaseOf(state, now) === "open" || state.failures === 0) return state;
  return { failures: 0, openUntil: 0, openMs: state.openMs };
}
