import type { Admitted, LiveAnswer } from "../core/exchange.ts";

/** Whether the answer reaches the caller as it came. One that is kept says so, and under an id of ours: backends' ids may be alike. */
export function isPassedOn({ wire, keeping }: Admitted, answer: LiveAnswer): boolean {
  return wire.name === answer.wire.name && keeping === undefined;
}
