import { type BreakerState, breakerOf, byHand } from "../core/breaker.ts";
import { type Backend, type Config, type Deadlines, modelNameOf, type Route, type Target } from "../core/config.ts";
import { formatFor } from "../core/formats.ts";
import { type BackendLoad, type LoadState, loadStateOf } from "../core/load.ts";
import { isWithin, type Price } from "../core/money.ts";
import type { Trigger } from "../core/triggers.ts";
import type { WireName } from "../core/wire.ts";
import { phaseOf } from "./breaker.ts";
import { draw } from "./draw.ts";
import { isBelowCeilings } from "./price.ts";
import { holds, leadsTo } from "./triggers.ts";

export { dearestPrice } from "./price.ts";

/** Why an attempt stands where it stands. A closed list. */
export type AttemptReason =
  /** Drawn by weight: before admission, or among the usable targets where that one is none. */
  | "weighted-choice"
  /** Not drawn; behind the one that was, heavier first. */
  | "other-target"
  | "fallback"
  /** First, because the request is too long for every target. */
  | "larger-context"
  /** Its breaker was open and may close: this attempt finds out. */
  | "probe"
  /** It says that it is full: behind those that do not. */
  | "saturated"
  /** Every breaker is open, or the backend known to be down: one that another request probes, else the one that closes first, is tried all the same. */
  | "last-resort";

/** Why a candidate is not in the plan. A closed list. */
export type SkipReason =
  | "disabled"
  | "not-configured"
  | "wrong-operation"
  | "no-weight"
  | "above-price-ceiling"
  | "breaker-open"
  /** It has just said that it is not well, or nothing when it was asked. */
  | "unhealthy"
  /** An operator holds its breaker open. */
  | "opened-by-hand"
  | "fallback-refused"
  /** By our own estimate the request is too long for it, and a larger step is there and may take it. */
  | "context-too-small"
  /** No target stands, and this step says that it is not there for that. */
  | "not-led-to";

export interface PlanAttempt {
  readonly target: Target;
  readonly backend: Backend;
  readonly wire: WireName;
  /** The backend's name for the model. */
  readonly model: string;
  /** The most that this attempt may cost, by part. */
  readonly priceCeiling: Price;
  readonly deadlines: Deadlines;
  /** False for a fallback, and for a target other than the one that was drawn: its answer is never kept under that one's name. */
  readonly chosenTarget: boolean;
  readonly reason: AttemptReason;
}

export interface Skipped {
  readonly backend: string;
  readonly model: string;
  readonly reason: SkipReason;
}

export interface Plan {
  readonly attempts: readonly PlanAttempt[];
  readonly skipped: readonly Skipped[];
}

export interface PlanInput {
  readonly config: Config;
  readonly availableBackends: ReadonlySet<string>;
  /** By name. */
  readonly breakers: Readonly<Record<string, BreakerState | undefined>>;
  /** What a backend said of itself, where it was asked. */
  readonly loads?: (backend: string) => BackendLoad | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** The target that `choose` chose. It comes first where it is usable; no other's answer counts as the chosen target's. */
  readonly drawn?: Target;
  /** What was reserved for: no attempt may cost more. Without one, each target's own price is its ceiling. */
  readonly priceCeiling?: Price;
  /** What the model has to hold by our own estimate: the input, and all that may be written. */
  readonly neededTokens?: number;
  /** What is left of the delay budget until the first token, over all attempts. The route's own where it is absent. */
  readonly budgetMs?: number;
  /** The caller wants the chosen target's answer or none. */
  readonly noFallback?: boolean;
}

interface Candidate {
  readonly target: Target;
  readonly isFallback: boolean;
}

interface Usable extends Candidate {
  readonly backend: Backend;
  readonly wire: WireName;
  readonly openUntil: number;
  /** Another request makes the one probe. */
  readonly isTried: boolean;
  readonly phase: "closed" | "half-open" | "open";
  readonly load: LoadState;
}

/**
 * From route, health and price to the ordered attempts: one target by weight, the other targets by weight, then the fallbacks in
 * their order. How many of them are made, and by what one leads to the next, is dispatch's. Pure but for `random`, which is drawn once, and only where there is a choice that was not made before.
 */
export function plan(route: Route, input: PlanInput): Plan {
  const skipped: Skipped[] = [];
  const skip = ({ target }: Candidate, reason: SkipReason): void => {
    skipped.push({ backend: target.backend, model: modelNameOf(target), reason });
  };
  const candidates: Candidate[] = [
    ...route.targets.map((target) => ({ target, isFallback: false })),
    ...route.fallbacks.map((target) => ({ target, isFallback: true })),
  ];
  const usable = candidates.flatMap((candidate) => {
    const judged = judge(candidate, route, input);
    if (typeof judged !== "string") return [judged];
    skip(candidate, judged);
    return [];
  });
  const fitting = withRoom(usable, input);
  for (const candidate of usable) if (!fitting.includes(candidate)) skip(candidate, "context-too-small");
  const standing = fitting.filter((candidate) => !isPassed(candidate));
  const causes = causesOf(route, usable, fitting);
  const isLed = ({ isFallback, target }: Candidate): boolean =>
    !isFallback || causes.some((cause) => leadsTo(target, cause));
  const begins = standing.findIndex(isLed);
  const ordered =
    begins >= 0
      ? inOrder(standing.slice(begins), input)
      : lastResort(fitting.filter((candidate) => isPassed(candidate) && isLed(candidate)));
  for (const candidate of fitting) {
    if (ordered.some(([kept]) => kept === candidate)) continue;
    skip(candidate, isPassed(candidate) ? (candidate.phase === "open" ? "breaker-open" : "unhealthy") : "not-led-to");
  }
  const most = input.noFallback === true ? 1 : ordered.length;
  for (const [candidate] of ordered.slice(most)) skip(candidate, "fallback-refused");
  const budgetMs = input.budgetMs ?? route.delayBudgetMs;
  const attempts = ordered.slice(0, most).map(
    ([candidate, reason]): PlanAttempt => ({
      target: candidate.target,
      backend: candidate.backend,
      wire: candidate.wire,
      model: modelNameOf(candidate.target),
      priceCeiling: input.priceCeiling ?? candidate.target.price,
      deadlines: within({ ...candidate.backend.deadlines, ...route.deadlines }, budgetMs),
      chosenTarget: !candidate.isFallback && (input.drawn === undefined || candidate.target === input.drawn),
      reason: candidate.phase === "half-open" ? "probe" : reason,
    }),
  );
  const [first] = attempts;
  if (first?.reason === "fallback" && causes.includes("context"))
    return { attempts: [{ ...first, reason: "larger-context" }, ...attempts.slice(1)], skipped };
  return { attempts, skipped };
}

/** Those that can hold the request, where one of them may take it for that; else all: our estimate is no proof. */
function withRoom(usable: readonly Usable[], { neededTokens }: PlanInput): readonly Usable[] {
  if (neededTokens === undefined) return usable;
  const roomy = usable.filter(({ target }) => holds(target, neededTokens));
  const isTold = ({ target }: Usable): boolean => target.contextTokens !== undefined && leadsTo(target, "context");
  return roomy.length < usable.length && roomy.some(isTold) ? roomy : usable;
}

/** Why no target stands, where none does: the request is too long for them, or they are not to be had. */
function causesOf(route: Route, usable: readonly Usable[], fitting: readonly Usable[]): readonly Trigger[] {
  const small = usable.filter((candidate) => !candidate.isFallback && !fitting.includes(candidate)).length;
  const causes: Trigger[] = [];
  if (small > 0) causes.push("context");
  if (small < route.targets.length) causes.push("unavailable");
  return causes;
}

/** A step that configuration and environment let stand. */
export type Standing = Pick<Usable, "target" | "isFallback" | "backend" | "wire">;

type Environment = Pick<PlanInput, "config" | "availableBackends">;

/** The steps that the configuration and the environment let stand, whatever their health. */
export function standingSteps(route: Route, input: Environment): readonly Standing[] {
  return [...standing(route.targets, false, route, input), ...standing(route.fallbacks, true, route, input)];
}

/** The same of the targets alone. */
export function standingTargets(route: Route, input: Environment): readonly Target[] {
  return standing(route.targets, false, route, input).map(({ target }) => target);
}

function standing(
  targets: readonly Target[],
  isFallback: boolean,
  route: Route,
  input: Environment,
): readonly Standing[] {
  const healthy = { ...input, breakers: {}, now: 0, random: () => 0 };
  return targets.flatMap((target) => {
    const judged = judge({ target, isFallback }, route, healthy);
    return typeof judged === "string" ? [] : [judged];
  });
}

/** Deadlines that end, at the latest, when what is left of the delay budget is gone. */
export function within(deadlines: Deadlines, leftMs: number): Deadlines {
  const firstTokenMs = Math.min(deadlines.firstTokenMs, Math.max(0, leftMs));
  return { ...deadlines, firstTokenMs, connectMs: Math.min(deadlines.connectMs, firstTokenMs) };
}

function judge(candidate: Candidate, route: Route, input: PlanInput): Usable | SkipReason {
  const { target } = candidate;
  const { config } = input;
  const backend = Object.hasOwn(config.backends, target.backend) ? config.backends[target.backend] : undefined;
  if (backend === undefined || !input.availableBackends.has(target.backend)) return "not-configured";
  if (config.disabledBackends.has(target.backend)) return "disabled";
  const hand = byHand(config, target);
  if (hand === "open") return "opened-by-hand";
  const wire = formatFor(backend, route.operation);
  if (wire === undefined) return "wrong-operation";
  if (!candidate.isFallback && target.weight <= 0) return "no-weight";
  if (candidate.isFallback && input.noFallback === true) return "fallback-refused";
  if (!isBelowCeilings(target, route)) return "above-price-ceiling";
  if (input.priceCeiling !== undefined && !isWithin(target.price, input.priceCeiling)) return "above-price-ceiling";
  const state = input.breakers[breakerOf(target)];
  // Held closed it is always tried.
  const load = hand === "closed" ? "well" : loadStateOf(input.loads?.(backend.name), backend.health, input.now);
  return {
    ...candidate,
    backend,
    wire,
    load,
    phase: phaseOf(state, input.now, hand),
    openUntil: state?.openUntil ?? 0,
    isTried: state?.holder !== undefined,
  };
}

type Ordered = readonly [Usable, AttemptReason];

/** Whether it is passed over while there is another. */
const isPassed = ({ phase, load }: Usable): boolean => phase === "open" || load === "unhealthy";

/**
 * Those that say that they are full come behind the other targets, and behind the fallbacks that are there for an overload: but where a backend has
 * seats, its queue says who goes to a fallback, and when.
 */
function inOrder(standing: readonly Usable[], input: PlanInput): readonly Ordered[] {
  const full = standing.filter(({ load }) => load === "saturated");
  const others = standing.filter((candidate) => !full.includes(candidate));
  if (full.length === 0 || others.length === 0) return byWeight(standing, input);
  const before = byWeight(others, input);
  const behind = byWeight(full, input);
  const mayWait = ([{ isFallback, target }]: Ordered): boolean => isFallback && !leadsTo(target, "overloaded");
  const isKept = ([{ isFallback, backend }]: Ordered): boolean => !isFallback && backend.seats !== undefined;
  const marked = (ordered: Ordered): Ordered => [ordered[0], "saturated"];
  return [
    ...before.filter(([{ isFallback }]) => !isFallback),
    ...behind.filter(isKept).map(marked),
    ...before.filter((ordered) => ordered[0].isFallback && !mayWait(ordered)),
    ...behind.filter((ordered) => !isKept(ordered)).map(marked),
    ...before.filter(mayWait),
  ];
}

function byWeight(standing: readonly Usable[], { drawn, random }: PlanInput): readonly Ordered[] {
  const targets = standing.filter((candidate) => !candidate.isFallback);
  const fallbacks = standing
    .filter((candidate) => candidate.isFallback)
    .map((candidate): Ordered => [candidate, "fallback"]);
  const first = targets.find(({ target }) => target === drawn) ?? draw(targets, random);
  if (first === undefined) return fallbacks;
  const others = targets
    .filter((candidate) => candidate !== first)
    .sort((a, b) => b.target.weight - a.target.weight)
    .map((candidate): Ordered => [candidate, "other-target"]);
  return [[first, "weighted-choice"], ...others, ...fallbacks];
}

/**
 * An open breaker is the memory of a failure; what is unhealthy was just asked. One whose opening is over, and that another request tries just now,
 * is likelier well than one that is to be left alone.
 */
function lastResort(open: readonly Usable[]): readonly Ordered[] {
  const rank = ({ load, isTried }: Usable): number => (load === "unhealthy" ? 2 : isTried ? 0 : 1);
  const [first] = [...open].sort((a, b) => rank(a) - rank(b) || a.openUntil - b.openUntil);
  return first === undefined ? [] : [[first, "last-resort"]];
}
