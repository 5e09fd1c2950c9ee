import type { BreakerState } from "../core/breaker.ts";
import type { BreakerByHand, BreakerConfig } from "../core/config.ts";

/** `half-open`: the opening is over and nobody knows yet whether the backend is well; the next attempt is a probe. */
export type BreakerPhase = "closed" | "open" | "half-open";

export function phaseOf(state: BreakerState | undefined, now: number, hand?: BreakerByHand): BreakerPhase {
  if (hand !== undefined) return hand;
  if (state === undefined || state.openUntil === 0) return "closed";
  return now < state.openUntil ? "open" : "half-open";
}

/** How an attempt ended. */
export interface Ended {
  readonly healthy: boolean;
  readonly beganAt: number;
  readonly requestId: string;
}

/**
 * The same transitions as the script in Redis makes (stores/upstash/lua/breaker.ts says why), which is the one that isolates share.
 * The very same state comes back where nothing changes.
 */
export function afterAttempt(state: BreakerState, ended: Ended, rules: BreakerConfig, now: number): BreakerState {
  const isClosed = state.openUntil === 0;
  if (ended.beganAt < state.changedAt + (isClosed ? 0 : state.openMs)) return state;
  const turned = turn(state, rules.errorRate.windowMs, now);
  if (ended.healthy)
    return isClosed ? { ...turned, failures: 0, ok: turned.ok + 1 } : proven(turned, ended.requestId, rules, now);
  const failed = { ...turned, failures: turned.failures + 1, bad: turned.bad + 1 };
  return !isClosed || isUnwell(failed, rules) ? opened(failed, rules, now) : failed;
}

/** The one probe, for a request that finds the opening over. */
export function claimed(state: BreakerState, requestId: string, lastsMs: number, now: number): BreakerState {
  return { ...state, holder: requestId, openUntil: now + lastsMs };
}

/** After a probe that said nothing about the backend: the next request may make it. */
export function returned({ holder: _holder, ...state }: BreakerState, now: number): BreakerState {
  return { ...state, openUntil: now };
}

/** The number of a half window; two numbers that follow one another are one window. */
export function halfOf(now: number, windowMs: number): number {
  return Math.floor((2 * now) / windowMs);
}

const CLEAN = { ok: 0, bad: 0, okBefore: 0, badBefore: 0 } as const;

function turn(state: BreakerState, windowMs: number, now: number): BreakerState {
  const half = halfOf(now, windowMs);
  if (state.half === half) return state;
  const before = state.half === half - 1 ? { okBefore: state.ok, badBefore: state.bad } : undefined;
  return { ...state, ...CLEAN, ...before, half };
}

function isUnwell(state: BreakerState, { failures, errorRate }: BreakerConfig): boolean {
  const bad = state.bad + state.badBefore;
  const all = bad + state.ok + state.okBefore;
  return state.failures >= failures || (all >= errorRate.minimum && bad >= errorRate.share * all);
}

function opened({ holder: _holder, ...state }: BreakerState, rules: BreakerConfig, now: number): BreakerState {
  const isRemembered = state.openUntil > 0 || now < state.changedAt + 2 * rules.maxOpenMs;
  const openMs = state.openMs > 0 && isRemembered ? Math.min(state.openMs * 2, rules.maxOpenMs) : rules.openMs;
  return { ...state, ...CLEAN, openMs, openUntil: now + openMs, changedAt: now, proven: 0 };
}

function proven(state: BreakerState, requestId: string, { probes }: BreakerConfig, now: number): BreakerState {
  if (state.proven + 1 < probes) {
    const more = { ...state, proven: state.proven + 1 };
    // The next may probe, unless one does already.
    return state.holder === requestId ? returned(more, now) : more;
  }
  const { holder: _holder, ...rest } = state;
  return { ...rest, failures: 0, openUntil: 0, changedAt: now, proven: 0 };
}
