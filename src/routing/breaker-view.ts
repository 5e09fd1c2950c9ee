import type { BreakerConfig } from "../core/config.ts";
import type { BreakerState, SharedState } from "../core/ports.ts";
import { afterFailure, afterSuccess, CLOSED } from "./breaker.ts";

/**
 * An isolate's view of the breakers: what Redis said last, and what the isolate has seen since. While Redis is away it is all
 * there is, and works on its own. Holds an entry per backend of the configuration, never more.
 */
export class BreakerView {
  readonly #states = new Map<string, BreakerState>();
  readonly #configOf: (backend: string) => BreakerConfig | undefined;
  readonly #now: () => number;

  constructor(configOf: (backend: string) => BreakerConfig | undefined, now: () => number) {
    this.#configOf = configOf;
    this.#now = now;
  }

  /** Redis' word replaces ours. */
  learn(shared: SharedState): void {
    for (const [backend, state] of Object.entries(shared.breakers)) {
      if (this.#configOf(backend) !== undefined) this.#states.set(backend, state);
    }
  }

  state(backend: string): BreakerState | undefined {
    return this.#states.get(backend);
  }

  /** How an attempt ended. */
  report(backend: string, healthy: boolean): void {
    const config = this.#configOf(backend);
    if (config === undefined) return;
    const state = this.#states.get(backend) ?? CLOSED;
    this.#states.set(backend, healthy ? afterSuccess(state, this.#now()) : afterFailure(state, config, this.#now()));
  }
}
