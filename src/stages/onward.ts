import type { Admitted } from "../core/exchange.ts";
import type { Trigger } from "../core/triggers.ts";
import { isRoomier, leadsTo } from "../routing/triggers.ts";
import type { PlannedAttempt } from "./running-attempt.ts";

/** Why the walk along a chain goes on from a step, and from where. */
export interface Onward {
  readonly trigger: Trigger;
  readonly from: PlannedAttempt;
}

/** Once a filter has had its say, only steps that stand for that may answer, whatever became of those between. */
export function isConsented({ target }: PlannedAttempt, { notes }: Admitted): boolean {
  return notes.filtered !== true || leadsTo(target, "filter");
}

export function isLedTo(step: PlannedAttempt, { trigger, from }: Onward, exchange: Admitted): boolean {
  if (!leadsTo(step.target, trigger) || !isConsented(step, exchange)) return false;
  return trigger !== "context" || isRoomier(step.target, from.target);
}

/** Whether it may be the first that is asked, as the plan would have it, where those before it were not to be had. */
export function mayBegin({ target }: PlannedAttempt, { route }: Admitted): boolean {
  return route.targets.includes(target) || leadsTo(target, "unavailable");
}
