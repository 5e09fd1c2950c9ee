/** What became of a call: answered, or one of the faults, or the caller had left. */
export type CallOutcome = "open" | "answered" | "hung" | "cut" | "left";

/** One HTTP call as it is remembered: the commands' names and never their values. */
export interface CallRecord {
  readonly atMs: number;
  readonly token: string;
  readonly path: string;
  readonly commands: readonly string[];
  status: number | undefined;
  outcome: CallOutcome;
  tookMs: number | undefined;
}

/** A copy of the counters. Calls to the control path are not counted. */
export interface CounterSnapshot {
  readonly httpCalls: number;
  readonly httpCallsByToken: Readonly<Record<string, number>>;
  readonly httpCallsByPath: Readonly<Record<string, number>>;
  readonly unauthorizedCalls: number;
  readonly commands: Readonly<Record<string, number>>;
  /** The last calls, oldest first. */
  readonly lastCalls: readonly Readonly<CallRecord>[];
}

const REMEMBERED_CALLS = 200;

/** Counts HTTP calls and commands; remembers the last calls. */
export class Counters {
  #httpCalls = 0;
  #unauthorizedCalls = 0;
  #byToken = new Map<string, number>();
  #byPath = new Map<string, number>();
  #commands = new Map<string, number>();
  #lastCalls: CallRecord[] = [];

  /** Counts a call with a good token as soon as its commands are known. */
  begin(token: string, path: string, commands: readonly string[]): CallRecord {
    this.#httpCalls += 1;
    add(this.#byToken, token);
    add(this.#byPath, path);
    for (const command of commands) add(this.#commands, command);
    const record: CallRecord = {
      atMs: Date.now(),
      token,
      path,
      commands,
      status: undefined,
      outcome: "open",
      tookMs: undefined,
    };
    this.#lastCalls.push(record);
    if (this.#lastCalls.length > 2 * REMEMBERED_CALLS) this.#lastCalls = this.#lastCalls.slice(-REMEMBERED_CALLS);
    return record;
  }

  /** Counts a call whose token is missing or wrong. */
  countUnauthorized(): void {
    this.#unauthorizedCalls += 1;
  }

  reset(): void {
    this.#httpCalls = 0;
    this.#unauthorizedCalls = 0;
    this.#byToken = new Map();
    this.#byPath = new Map();
    this.#commands = new Map();
    this.#lastCalls = [];
  }

  snapshot(): CounterSnapshot {
    return {
      httpCalls: this.#httpCalls,
      httpCallsByToken: Object.fromEntries(this.#byToken),
      httpCallsByPath: Object.fromEntries(this.#byPath),
      unauthorizedCalls: this.#unauthorizedCalls,
      commands: Object.fromEntries(this.#commands),
      lastCalls: this.#lastCalls.slice(-REMEMBERED_CALLS).map((record) => ({ ...record })),
    };
  }
}

/** Closes a call's record. */
export function finish(record: CallRecord, outcome: CallOutcome, status: number | undefined): void {
  record.outcome = outcome;
  record.status = status;
  record.tookMs = Date.now() - record.atMs;
}

function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
