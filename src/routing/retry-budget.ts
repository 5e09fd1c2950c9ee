/** In tenths of a retry, so that the sums are exact. */
const SHARE = 0.1;
const RETRY = 10;
/** More is not saved up: a quiet hour pays for no storm. */
const MOST = RETRY;
const QUIET_MS = 30_000;

interface Level {
  tenths: number;
  retriedAt: number;
}

/**
 * How many retries an isolate may send to a backend: one in ten of its first calls, so that retries never multiply an outage. Each first call
 * deposits a tenth, each retry takes a whole one. One may be borrowed where none was sent for 30 s: a lone fault is mended at once, and a
 * storm pays it back before it gets the next. Counts all models of a backend together. Routes that hedge have one each for that, by the same rule, with a share and
 * under a name of their own. Holds an entry per backend and route of the configuration, never more.
 */
export class RetryBudget {
  readonly #levels = new Map<string, Level>();

  /** A request's first call to the backend. */
  deposit(backend: string, share = SHARE): void {
    const level = this.#levelOf(backend);
    level.tenths = Math.min(MOST, level.tenths + RETRY * share);
  }

  /** Takes one retry, if there is one. `now` in milliseconds. */
  take(backend: string, now: number): boolean {
    const level = this.#levelOf(backend);
    const mayBorrow = level.tenths >= 0 && now - level.retriedAt > QUIET_MS;
    if (level.tenths < RETRY && !mayBorrow) return false;
    level.tenths -= RETRY;
    level.retriedAt = now;
    return true;
  }

  #levelOf(backend: string): Level {
    let level = this.#levels.get(backend);
    if (!level) {
      level = { tenths: 0, retriedAt: Number.NEGATIVE_INFINITY };
      this.#levels.set(backend, level);
    }
    return level;
  }
}
