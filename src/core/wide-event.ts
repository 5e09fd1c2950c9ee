import type { Operation } from "./draft.ts";
import type { FailureType, LimitLevel, LimitUnit } from "./failure.ts";
import type { RouteDecision } from "./route-rules.ts";
import type { Usage } from "./usage.ts";
import type { Translation, WireName } from "./wire.ts";

/** How a request ended. A closed list, used as a metric label. */
export type Outcome = "completed" | "failed" | "cancelled" | "refused" | "abandoned";

/**
 * What an attempt was for, beside the answer itself. `repair`: an invalid structured answer was asked for again. `hedge`: a second backend was asked
 * beside a slow first. `continuation`: an answer that broke off was taken up where it ended.
 */
export const ATTEMPT_KINDS = ["repair", "hedge", "continuation"] as const;
export type AttemptKind = (typeof ATTEMPT_KINDS)[number];

/** One try at a backend, with what it cost. `ordinal` counts from 0 and is part of the charge's key. */
export interface AttemptRecord {
  readonly ordinal: number;
  /** Absent: an attempt to answer. */
  readonly kind?: AttemptKind;
  readonly backend: string;
  readonly model: string;
  readonly wire: WireName;
  readonly outcome: "completed" | "failed" | "cancelled";
  readonly failure?: FailureType;
  readonly detail?: string;
  readonly startedAt: number;
  readonly durationMs: number;
  readonly firstTokenMs?: number;
  readonly usage?: Usage;
  /** True where a count in `usage` is ours and not the backend's. */
  readonly estimated: boolean;
  readonly costNanoUsd: number;
}

/** What a step decided: one short word of a closed list, a reason, and what its I/O took. */
export interface Decision {
  readonly step: string;
  readonly decision: string;
  readonly reason?: string;
  readonly ioMs?: number;
}

/** Refusals of one kind that got no event of their own, as the counters tell kinds apart. */
export interface UnrecordedRefusals {
  readonly operation: Operation;
  readonly clientWire: WireName;
  readonly alias: string;
  readonly tier: string;
  readonly cache: WideEvent["cache"];
  readonly failure?: FailureType | undefined;
  readonly limit?: WideEvent["limit"];
  readonly count: number;
}

/**
 * One event a request; at most 16 KiB as JSON. What the ledger writes to Postgres, what the log line says, what metrics count.
 * It holds no prompt, no answer and no key. Times are milliseconds since the epoch.
 */
export interface WideEvent {
  readonly v: 1;
  readonly requestId: string;
  readonly tenant: string;
  readonly keyId: string;
  readonly user?: string | undefined;
  /** A keyed hash of the caller's own end-user name. */
  readonly endUserHash?: string | undefined;
  readonly tier: string;
  readonly operation: Operation;
  readonly clientWire: WireName;
  readonly alias: string;
  readonly stream: boolean;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly outcome: Outcome;
  readonly failure?: FailureType | undefined;
  readonly limit?: { readonly unit: LimitUnit; readonly level: LimitLevel } | undefined;
  readonly status: number;
  readonly cache: "hit" | "miss" | "bypass" | "refresh";
  /** Why it was for the target that it was for; undefined where it was refused before that. */
  readonly routing?: RouteDecision | undefined;
  /** The attempt that answered. */
  readonly backend?: string | undefined;
  readonly model?: string | undefined;
  readonly attempts: readonly AttemptRecord[];
  /** The sum over the attempts. */
  readonly usage?: Usage | undefined;
  readonly estimated: boolean;
  readonly costNanoUsd: number;
  readonly reservedNanoUsd: number;
  readonly firstTokenMs?: number | undefined;
  readonly decisions: readonly Decision[];
  readonly translations: readonly Translation[];
  readonly configVersion: string;
  readonly overlayVersion: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string | undefined;
  /** True where admission ran without Redis: the ledger need not look for a lease. */
  readonly unleased?: boolean | undefined;
  /** Earlier refusals of the same key that only the counters hear of: a key that hammers gets a few events a minute. */
  readonly unrecorded?: readonly UnrecordedRefusals[] | undefined;
}
