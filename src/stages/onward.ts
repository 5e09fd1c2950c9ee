import type { Admitted } from "../core/exchange.ts";
import type { Failure } from "../core/failure.ts";
import type { Trigger } from "../core/triggers.ts";
import { isOutage, isRoomier, leadsTo } from "../routing/triggers.ts";
import type { PlannedAttempt } from "./running-attempt.ts";

/** Why the walk along a chain goes on from a step, and from where. */
export interface Onward {
  readonly trigger: Trigger;
  readonly from: PlannedAttempt;
  /** It led here for want of a seat. */
  readonly noSeat?: Failure["noSeat"];
}

/** Once a filter has had its say, only steps that stand for that may answer, whatever became of those between. */
export function isConsented({ target }: Pick<PlannedAttempt, "target">, { notes }: Admitted): boolean {
  return notes.filtered !== true || leadsTo(target, "filter");
}

/**
 * Whether the step stands for why the walk goes on. For want of a seat nobody is asked for another at a desk that was `called`, and only who may
 * spill goes where there are none.
 */
export function isLedTo(
  step: PlannedAttempt,
  { trigger, from, noSeat }: Onward,
  exchange: Admitted,
  called: ReadonlySet<string>,
): boolean {
  const { target, backend } = step;
  if (!leadsTo(target, trigger) || !isConsented(step, exchange)) return false;
  if (trigger === "context" && !isRoomier(target, from.target)) return false;
  return !noSeat || (backend.seats ? !called.has(backend.name) : noSeat === "spills");
}

/** Whether it may be gone back to, at whose desk no seat was free: a machine that is only full stands for every outage. */
export function mayGoBack({ target }: PlannedAttempt, { trigger, from }: Onward, exchange: Admitted): boolean {
  if (!isConsented({ target }, exchange)) return false;
  return isOutage(trigger) || (leadsTo(target, trigger) && (trigger !== "context" || isRoomier(target, from.target)));
}

/** The steps behind the one at `at` that may be asked by `trigger`. */
export function stepsBehind(
  attempts: readonly PlannedAttempt[],
  at: number,
  trigger: Trigger,
  exchange: Admitted,
): readonly PlannedAttempt[] {
  return attempts.filter((step, place) => place > at && leadsTo(step.target, trigger) && isConsented(step, exchange));
}

/** Whether a step behind the one at `at` stands for it, whatever the budgets say. */
export function leadsOn(
  attempts: readonly PlannedAttempt[],
  at: number,
  onward: Onward,
  exchange: Admitted,
  called: ReadonlySet<string>,
): boolean {
  return attempts.some((step, place) => place > at && isLedTo(step, onward, exchange, called));
}

/** Whether it may be the first that is asked, as the plan would have it, where those before it were not to be had. */
export function mayBegin({ target }: PlannedAttempt, { route }: Admitted): boolean {
  return route.targets.includes(target) || leadsTo(target, "unavailable");
}
