import { type BreakerState, CLOSED_BREAKER, type Successes } from "../core/breaker.ts";
import type { BreakerConfig } from "../core/config.ts";
import type { SharedState } from "../core/ports.ts";
import { afterAttempt, claimed, type Ended, halfOf, phaseOf, returned } from "./breaker.ts";

interface Tally {
  half: number;
  ok: number;
  okBefore: number;
  toldAt: number;
}

/** Of a window: how often an isolate tells of its successes while some attempts of others fail and no failure of its own tells of them. */
const TELLINGS_A_WINDOW = 10;

/**
 * An isolate's view of the breakers: what Redis said last, and what the isolate has seen since. While Redis is away it is all
 * there is, and works on its own. It also counts the successes that Redis need not hear of while all is well, for the day when a share of
 * failures is asked for. Holds an entry per breaker of the configuration, never more.
 */
export class BreakerView {
  readonly #states = new Map<string, BreakerState>();
  readonly #tallies = new Map<string, Tally>();
  readonly #rulesOf: (name: string) => BreakerConfig | undefined;
  readonly #now: () => number;

  constructor(rulesOf: (name: string) => BreakerConfig | undefined, now: () => number) {
    this.#rulesOf = rulesOf;
    this.#now = now;
  }

  /** Redis' word replaces ours. */
  learn(shared: Pick<SharedState, "breakers">): void {
    for (const [name, state] of Object.entries(shared.breakers)) {
      if (this.#rulesOf(name) !== undefined) this.#states.set(name, state);
    }
  }

  state(name: string): BreakerState | undefined {
    return this.#states.get(name);
  }

  /** For a request that Redis told nothing: as `state`, and where the opening is over the first that asks has the probe. */
  claim(name: string, requestId: string, lastsMs: number): BreakerState | undefined {
    const state = this.#states.get(name);
    if (state === undefined || phaseOf(state, this.#now()) !== "half-open") return state;
    this.#states.set(name, claimed(state, requestId, lastsMs, this.#now()));
    return state;
  }

  /** Gives back what `claim` gave and nobody used. */
  giveBack(requestId: string): void {
    for (const [name, state] of this.#states) {
      if (state.holder === requestId) this.#states.set(name, returned(state, this.#now()));
    }
  }

  /**
   * How an attempt ended. Gives what Redis should hear of it beside: the successes that it was not told. Undefined where it need hear nothing,
   * as of a success while nothing fails.
   */
  report(name: string, ended: Ended, holdsProbe: boolean): Successes | undefined {
    const rules = this.#rulesOf(name);
    if (rules === undefined) return ended.healthy && !holdsProbe ? undefined : { now: 0, before: 0 };
    const now = this.#now();
    const before = this.#states.get(name) ?? CLOSED_BREAKER;
    const after = afterAttempt(before, ended, rules, now);
    this.#states.set(name, after);
    const tally = this.#tallyOf(name, halfOf(now, rules.errorRate.windowMs));
    if (ended.healthy) tally.ok += 1;
    const isDue = after.bad + after.badBefore > 0 && now - tally.toldAt >= rules.errorRate.windowMs / TELLINGS_A_WINDOW;
    if (ended.healthy && !holdsProbe && before.failures === 0 && !isDue) return undefined;
    const untold = { now: tally.ok, before: tally.okBefore };
    this.#tallies.set(name, { half: tally.half, ok: 0, okBefore: 0, toldAt: now });
    return untold;
  }

  #tallyOf(name: string, half: number): Tally {
    const held = this.#tallies.get(name) ?? { half, ok: 0, okBefore: 0, toldAt: 0 };
    if (held.half !== half) {
      held.okBefore = held.half === half - 1 ? held.ok : 0;
      held.ok = 0;
      held.half = half;
    }
    this.#tallies.set(name, held);
    return held;
  }
}
