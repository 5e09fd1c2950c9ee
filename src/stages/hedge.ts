import type { Route } from "../core/config.ts";
import type { Admitted, Departure, LiveAnswer } from "../core/exchange.ts";
import type { Result } from "../core/result.ts";
import { departure } from "../lib/departure.ts";
import { attempt } from "./attempt.ts";
import type { Gateway } from "./gateway.ts";
import type { PlannedAttempt } from "./running-attempt.ts";

/** Under which a route's hedges are counted beside the backends' retries: no backend has such a name. */
export const hedgeBudgetOf = ({ alias }: Route): string => `hedge of ${alias}`;

export interface Race {
  readonly first: PlannedAttempt;
  /** Asked once the first has been silent for `afterMs` since it was sent: who is asked beside it, or undefined where nobody may be. */
  readonly second: () => PlannedAttempt | undefined;
  readonly afterMs: number;
  /** Whether `other`, which still runs, may answer in the place of what ended so: it failed, or a filter ended it. */
  readonly isMendable: (ended: Ended, other: PlannedAttempt) => boolean;
  /** Told of such an end before the other is waited for. */
  readonly heard: (ended: Ended) => Promise<void> | void;
}

export interface Ended {
  readonly planned: PlannedAttempt;
  readonly result: Result<LiveAnswer>;
}

/** The end that counts; `lost` where another was stopped for it. */
export type RaceEnd = Ended & { readonly lost?: PlannedAttempt };

/**
 * Two attempts at most. The first real token wins: an attempt that fails, however quickly, leaves the other running, and so does one that a filter ended
 * before any word, where the other may mend that. The loser is stopped and
 * booked at once, as cancelled, so that no breaker hears of it. A bug in one of them stops both.
 */
export async function race(
  { first, second, afterMs, isMendable, heard }: Race,
  exchange: Admitted,
  gateway: Gateway,
): Promise<RaceEnd> {
  const runners: Runner[] = [];
  const start = (asked: PlannedAttempt): Runner => {
    const runner = runnerOf(asked, exchange, gateway);
    runners.push(runner);
    return runner;
  };
  const stop = ({ withdrawal, ended }: Runner, known?: unknown) => {
    withdrawal.leave();
    const report = (bug: unknown) => bug === known || gateway.reportBug(bug, exchange.requestId);
    exchange.waitUntil(ended.then(discard, report));
  };
  try {
    const one = start(first);
    // Whoever waits for a seat is not slow: whether its tier may go elsewhere meanwhile is the backend's to say.
    const early = (await Promise.race([one.ended, one.sent])) ?? (await orSilence(one.ended, afterMs, exchange));
    if (early) return early;
    const hedge = second();
    if (!hedge) return await one.ended;
    const other = start(hedge);
    const ended = await Promise.race([one.ended, other.ended]);
    const loser = ended.planned === first ? other : one;
    if (isMendable(ended, loser.asked)) {
      await heard(ended);
      return await loser.ended;
    }
    stop(loser);
    return { ...ended, lost: loser.asked };
  } catch (bug) {
    for (const runner of runners) stop(runner, bug);
    throw bug;
  }
}

interface Runner {
  readonly asked: PlannedAttempt;
  readonly ended: Promise<Ended>;
  readonly sent: Promise<void>;
  readonly withdrawal: Departure;
}

function runnerOf(asked: PlannedAttempt, exchange: Admitted, gateway: Gateway): Runner {
  const withdrawal = departure();
  let onSent = (): void => undefined;
  const sent = new Promise<void>((resolve) => {
    onSent = resolve;
  });
  const planned = { ...asked, withdrawal, onSent };
  const ended = attempt(planned, exchange, gateway).then((result) => ({ planned: asked, result }));
  return { asked, ended, sent, withdrawal };
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
