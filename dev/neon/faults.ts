import { z } from "zod";

const milliseconds = z.int().min(0).max(600_000);

/** The body of `POST /__control`: the faults in force from now on, in place of the earlier ones; `{}` clears them. */
export const Faults = z.strictObject({
  /** Every call waits. */
  delayMs: milliseconds.optional(),
  /** The database sleeps: calls wait until this long after the first one that comes. */
  asleepMs: milliseconds.optional(),
  /** The connection is reset before anything is read. */
  refuse: z.boolean().optional(),
  /** The call is never answered, and never run. */
  hang: z.boolean().optional(),
  /** Answered with this HTTP status and text in place of a result, and never run. */
  status: z.int().min(400).max(599).optional(),
  /** Run and committed, then the connection is cut in place of the answer. */
  dropReply: z.boolean().optional(),
  /** Only calls that log in as this role. */
  role: z.string().optional(),
  /** Only so many calls; then the faults are over. */
  times: z.int().min(1).optional(),
  /** Sets all counters to zero. */
  resetCounters: z.boolean().optional(),
});
export type Faults = z.infer<typeof Faults>;

export interface Counters {
  /** HTTP calls to `/sql`, by role. */
  readonly calls: Readonly<Record<string, number>>;
  /** Statements that were handed to Postgres, by role. */
  readonly statements: Readonly<Record<string, number>>;
  /** Calls that met a fault. */
  readonly faulted: number;
  /** Calls that are under way. */
  readonly inFlight: number;
}

/** The faults in force and the counters of one endpoint. */
export class Control {
  #faults: Faults = {};
  #hitsLeft = Number.POSITIVE_INFINITY;
  #awakeAt: number | undefined;
  readonly #calls = new Map<string, number>();
  readonly #statements = new Map<string, number>();
  #faulted = 0;
  #inFlight = 0;

  set({ resetCounters, ...faults }: Faults): void {
    this.#faults = faults;
    this.#hitsLeft = faults.times ?? Number.POSITIVE_INFINITY;
    this.#awakeAt = undefined;
    if (resetCounters !== true) return;
    this.#calls.clear();
    this.#statements.clear();
    this.#faulted = 0;
  }

  get state(): { readonly faults: Faults; readonly counters: Counters } {
    const calls = Object.fromEntries(this.#calls);
    const statements = Object.fromEntries(this.#statements);
    return { faults: this.#faults, counters: { calls, statements, faulted: this.#faulted, inFlight: this.#inFlight } };
  }

  /** Counts a call and says which faults it meets. */
  enter(role: string): Faults {
    add(this.#calls, role, 1);
    this.#inFlight += 1;
    const { role: only, times: _, ...faults } = this.#faults;
    if (Object.keys(faults).length === 0 || this.#hitsLeft <= 0 || (only !== undefined && only !== role)) return {};
    this.#hitsLeft -= 1;
    this.#faulted += 1;
    return faults;
  }

  leave(): void {
    this.#inFlight -= 1;
  }

  countStatements(role: string, count: number): void {
    add(this.#statements, role, count);
  }

  /** How long a call waits before it is looked at, in milliseconds. The first call wakes a sleeper for all. */
  waitMs(faults: Faults, now: number): number {
    const delayMs = faults.delayMs ?? 0;
    if (faults.asleepMs === undefined) return delayMs;
    this.#awakeAt ??= now + faults.asleepMs;
    return delayMs + Math.max(0, this.#awakeAt - now);
  }
}

function add(counts: Map<string, number>, key: string, count: number): void {
  counts.set(key, (counts.get(key) ?? 0) + count);
}
