import {
  type Backend,
  type BaseConfig,
  type BreakerByHand,
  type BreakerConfig,
  type Config,
  modelNameOf,
  type Target,
} from "./config.ts";

/** What is known of one backend's model: whether it answers, and when it may be asked again. */
export interface BreakerState {
  /** Consecutive failures so far. */
  readonly failures: number;
  /** Open until then, milliseconds since the epoch by the clock of whoever holds it (Redis' in Redis, the isolate's in an isolate); 0: closed. */
  readonly openUntil: number;
  /** How long the current or last opening lasts. */
  readonly openMs: number;
  /** Probes that succeeded since the last opening. */
  readonly proven: number;
  /** When it last opened or closed: what began before that (or before an opening was over) says nothing any more. */
  readonly changedAt: number;
  /** Which half of a window this is: how many of them have passed since the epoch. */
  readonly half: number;
  readonly ok: number;
  readonly bad: number;
  /** Of the half before. */
  readonly okBefore: number;
  readonly badBefore: number;
  /** The request that makes the one probe. */
  readonly holder?: string;
}

/** Successes that an isolate has counted and not told: in this half of the window, and in the one before. */
export interface Successes {
  readonly now: number;
  readonly before: number;
}

export const CLOSED_BREAKER: BreakerState = {
  failures: 0,
  openUntil: 0,
  openMs: 0,
  proven: 0,
  changedAt: 0,
  half: 0,
  ok: 0,
  bad: 0,
  okBefore: 0,
  badBefore: 0,
};

/** Each model of a backend has a breaker of its own, known by this name in keys and in the overlay. */
export function breakerName(backend: string, model: string): string {
  return `${backend}/${model}`;
}

export function breakerOf(target: Pick<Target, "backend" | "model">): string {
  return breakerName(target.backend, modelNameOf(target));
}

/** Whatever routes may ask for, by its breaker. */
export function targetsByBreaker({ routes }: Pick<BaseConfig, "routes">): ReadonlyMap<string, Target> {
  const all = Object.values(routes).flatMap(({ targets, fallbacks }) => [...targets, ...fallbacks]);
  return new Map(all.map((target) => [breakerOf(target), target]));
}

/** The rules of a breaker by its name; undefined for one that no route has. */
export function breakerRules(base: BaseConfig): (name: string) => BreakerConfig | undefined {
  const targets = targetsByBreaker(base);
  return (name) => base.backends[targets.get(name)?.backend ?? ""]?.breaker;
}

/** What an operator has set: of the model, else of the whole backend. */
export function byHand(
  { breakersByHand }: Pick<Config, "breakersByHand">,
  target: Pick<Target, "backend" | "model">,
): BreakerByHand | undefined {
  if (breakersByHand.size === 0) return undefined;
  return breakersByHand.get(breakerOf(target)) ?? breakersByHand.get(target.backend);
}

/** How long a probe may take before another request may make one: as long as an answer, but no longer than the longest opening. */
export function probeMs({ deadlines, breaker }: Pick<Backend, "deadlines" | "breaker">): number {
  return Math.max(1_000, Math.min(deadlines.totalMs, breaker.maxOpenMs));
}
