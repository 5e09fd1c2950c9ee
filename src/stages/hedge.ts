import type { Admitted, LiveAnswer } from "../core/exchange.ts";
import type { Failure } from "../core/failure.ts";
import type { Result } from "../core/result.ts";
import { departure } from "../lib/departure.ts";
import { attempt } from "./attempt.ts";
import type { Gateway } from "./gateway.ts";
import type { PlannedAttempt } from "./running-attempt.ts";

export interface Race {
  readonly first: PlannedAttempt;
  /** Asked once the first has been silent for `afterMs` since it was sent: who is asked beside it, or undefined where nobody may be. */
  readonly second: () => PlannedAttempt | undefined;
  readonly afterMs: number;
  /** Whether the other may still answer what failed so. */
  readonly isMendable: (failure: Failure) => boolean;
  /** Told of a failure while the other still runs. */
  readonly heard: (loser: PlannedAttempt, failure: Failure) => void;
}

export interface Ended {
  readonly planned: PlannedAttempt;
  readonly result: Result<LiveAnswer>;
}

/** The end that counts; `lost` where another was stopped for it. */
export type RaceEnd = Ended & { readonly lost?: PlannedAttempt };

/**
 * Two attempts at most. The first real token wins: an attempt that fails, however quickly, leaves the other running. The loser is stopped and
 * booked at once, as cancelled, so that no breaker hears of it.
 */
export async function race(
  { first, second, afterMs, isMendable, heard }: Race,
  exchange: Admitted,
  gateway: Gateway,
): Promise<RaceEnd> {
  const runner = (asked: PlannedAttempt) => {
    const withdrawal = departure();
    let onSent = (): void => undefined;
    const sent = new Promise<void>((resolve) => {
      onSent = resolve;
    });
    const planned = { ...asked, withdrawal, onSent };
    const ended: Promise<Ended> = attempt(planned, exchange, gateway).then((result) => ({ planned: asked, result }));
    return { asked, ended, sent, withdrawal };
  };
  const one = runner(first);
  // Whoever waits for a seat is not slow: whether its tier may go elsewhere meanwhile is the backend's to say.
  const early = (await Promise.race([one.ended, one.sent])) ?? (await orSilence(one.ended, afterMs, exchange));
  if (early) return early;
  const hedge = second();
  if (!hedge) return one.ended;
  const other = runner(hedge);
  const ended = await Promise.race([one.ended, other.ended]);
  const [winner, loser] = ended.planned === first ? [one, other] : [other, one];
  // What is wrong with the request is the first one's to say, as it would be without a second.
  if (!ended.result.ok && (winner === other || isMendable(ended.result.failure))) {
    heard(ended.planned, ended.result.failure);
    return loser.ended;
  }
  loser.withdrawal.leave();
  exchange.waitUntil(loser.ended.then(discard, (bug) => gateway.reportBug(bug, exchange.requestId)));
  return { ...ended, lost: loser.asked };
}

/** One that had its first token all the same: nobody reads on. */
function discard({ result }: Ended): void {
  if (result.ok && result.value.kind === "stream") result.value.cancel();
}

/** Undefined where nothing has ended after `afterMs`. */
async function orSilence(ended: Promise<Ended>, afterMs: number, { alarm }: Admitted): Promise<Ended | undefined> {
  let forget = (): void => undefined;
  const silence = new Promise<undefined>((resolve) => {
    forget = alarm.after(afterMs, () => resolve(undefined));
  });
  return Promise.race([ended, silence]).finally(forget);
}
