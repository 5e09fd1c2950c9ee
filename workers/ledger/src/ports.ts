import type { SettleReply } from "../../../src/core/ports.ts";
import type { Result } from "../../../src/core/result.ts";
import type { WideEvent } from "../../../src/core/wide-event.ts";

/** What became of a batch of events in Postgres. `refused`: the data is at fault and no later try will save it. */
export type WriteOutcome<Value> =
  | { readonly kind: "ok"; readonly value: Value }
  | { readonly kind: "refused"; readonly code: string }
  | { readonly kind: "unavailable"; readonly detail: string };

/** The rows of `requests` and `charges`. */
export interface EventRows {
  /** Idempotent; at most one event a request id. `settledBefore`: those of the abandoned events that Postgres holds as settled. */
  write(events: readonly WideEvent[]): Promise<WriteOutcome<{ readonly settledBefore: readonly string[] }>>;
  /** Settled requests as events again; still to be read like any from outside. */
  settledEvents(requestIds: readonly string[]): Promise<WriteOutcome<readonly object[]>>;
}

/** A request that Redis says the ledger has to look at. */
export interface DueRecord {
  readonly requestId: string;
  /** `leased`: its lease ran out; `gone`: the record went before it was written. */
  readonly state: "settled" | "abandoned" | "leased" | "gone";
  readonly eventText?: string;
}

export interface WrittenEvent {
  readonly requestId: string;
  readonly outcome: WideEvent["outcome"];
  readonly counters: Readonly<Record<string, number>>;
}

/** `unsettled`: Redis never heard how the request ended; `superseded`: it was written as abandoned and has been settled since. */
export type Acknowledgement = "acknowledged" | "repeated" | "unsettled" | "superseded" | "failed";

/** The records in Redis, whose word counts. A failure is one word. */
export interface Records {
  activeTenants(): Promise<Result<readonly string[], string>>;
  /** The tenant at which the last sweep stopped. */
  lastSwept(): Promise<Result<string | undefined, string>>;
  rememberSwept(tenant: string): Promise<Result<true, string>>;
  /** Those of the tenants for whom something is due, in one call. */
  busy(tenants: readonly string[]): Promise<Result<readonly string[], string>>;
  due(tenant: string, limit: number): Promise<Result<readonly DueRecord[], string>>;
  /** One answer a request. */
  sweep(
    tenant: string,
    requestIds: readonly string[],
  ): Promise<Result<readonly ("abandoned" | "running" | "not-leased")[], string>>;
  acknowledge(tenant: string, written: readonly WrittenEvent[]): Promise<Result<readonly Acknowledgement[], string>>;
  settle(event: WideEvent): Promise<SettleReply>;
  bury(tenant: string, requestId: string, reason: string, eventText?: string): Promise<Result<boolean, string>>;
}

/** What the ledger works with. */
export interface Ledger {
  readonly rows: EventRows;
  readonly records: Records;
  /** What an event adds to the counters of `/metrics`. */
  readonly countersOf: (event: WideEvent) => Readonly<Record<string, number>>;
  /** One structured line; never holds a value of an event but its ids. */
  readonly log: (line: Readonly<Record<string, string | number>>) => void;
  readonly now: () => number;
}
