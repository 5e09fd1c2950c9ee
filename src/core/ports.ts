import type { BreakerState, Successes } from "./breaker.ts";
import type { Backend, BreakerConfig, LevelLimits, Overlay, SeatsConfig } from "./config.ts";
import type { LimitLevel, LimitUnit } from "./failure.ts";
import type { KeySnapshot } from "./identity.ts";
import type { BackendLoad } from "./load.ts";
import type { Result } from "./result.ts";
import type { Speed } from "./speed.ts";
import type { WideEvent } from "./wide-event.ts";
import type { RateState, WireRequest } from "./wire.ts";

/** Ports take and give plain data. `src/compose.ts` alone names what stands behind them. */

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
}

/** Deadlines, each told once when it has passed. */
export interface Alarm {
  /** Calls `ring` once, `delayMs` from now. The function that comes back takes it back; harmless when called late or twice. */
  after(delayMs: number, ring: () => void): () => void;
}

export interface Chance {
  /** Uniform in [0, 1). */
  random(): number;
  /** A new request id: `req_` and 26 characters that sort by time. */
  requestId(): string;
  /** Lower-case hex of `bytes` random bytes (trace and span ids). */
  hex(bytes: number): string;
}

/** One level at which a request is limited: whose, and how much. */
export interface LevelCharge {
  readonly level: LimitLevel;
  /** Unique inside the tenant: key id, user name, alias; the tenant's own name for `tenant`. */
  readonly subject: string;
  readonly limits: LevelLimits;
}

/** What a request may use at most, reserved at every level or at none. */
export interface Reservation {
  readonly tokens: number;
  readonly costNanoUsd: number;
}

export interface AdmissionRequest {
  readonly requestId: string;
  readonly tenant: string;
  readonly keyId: string;
  /** The version of the key that this isolate holds. */
  readonly keyVersion: number;
  readonly levels: readonly LevelCharge[];
  readonly reservation: Reservation;
  /** Until the lease runs out and the sweeper books the request as abandoned. */
  readonly leaseMs: number;
  readonly quarantineMs: number;
  /** The event as it would stand if nothing more were heard of this request (outcome `abandoned`, cost as reserved). */
  readonly abandoned: WideEvent;
  /** Entry of the exact cache to read in the same call. */
  readonly cacheKey?: string;
  /** The breaker of the first step, if any: where its opening is over, with the one probe, for so long. */
  readonly breakers: readonly string[];
  readonly probeMs: number;
  /** The backends that are asked how they are, and what they said is to be read. */
  readonly loads?: readonly string[];
  /** The targets whose speed the choice of the request goes by, by name. */
  readonly speeds?: readonly string[];
  /** Breakers of the steps behind it: seen as they stand. Who comes to one takes its probe then. */
  readonly behind?: readonly string[];
}

/** State that isolates share, read beside the admission script in the same call. */
export interface SharedState {
  /** Undefined: no overlay was ever written. */
  readonly overlayVersion?: number;
  readonly breakers: Readonly<Record<string, BreakerState>>;
  /** Breakers whose one probe this request was given with admission. */
  readonly probes?: readonly string[];
  /** By backend: what it last said of itself. Nothing of those that nobody has asked lately. */
  readonly loads?: Readonly<Record<string, BackendLoad>>;
  /** By target: its recent time to the first token. Nothing of those that nobody has heard of lately. */
  readonly speeds?: Readonly<Record<string, Speed>>;
}

export type AdmissionReply = { readonly ioMs: number } & (
  | {
      readonly kind: "admitted";
      readonly rate: RateState;
      readonly cached?: string;
      readonly shared: SharedState;
    }
  | {
      readonly kind: "refused";
      readonly unit: LimitUnit;
      readonly level: LimitLevel;
      /** Undefined where waiting cannot help: the request is larger than the bucket, or the budget's period has no end. */
      readonly retryAfterMs?: number;
      readonly rate: RateState;
    }
  /** The key changed (or was revoked) since the isolate read it: nothing was reserved. */
  | { readonly kind: "stale-key" }
  /** Redis lost its data: budgets are closed until all that was running is in the ledger. Nothing was reserved. */
  | { readonly kind: "money-unknown"; readonly retryAfterMs: number }
  /** Redis has no sum of the running period for some budgets, though the ledger may: nothing was reserved. */
  | { readonly kind: "money-unseeded"; readonly unseeded: Unseeded }
  | { readonly kind: "unavailable"; readonly detail: string }
);

export interface Settlement {
  readonly requestId: string;
  readonly tenant: string;
  readonly levels: readonly LevelCharge[];
  readonly reservation: Reservation;
  readonly actual: Reservation;
  /** The whole truth about the request; kept in Redis until the ledger has written it. */
  readonly event: WideEvent;
  /** `event` as JSON, where the caller has written it already. */
  readonly eventText?: string;
  readonly cacheWrite?: { readonly key: string; readonly value: string; readonly ttlSeconds: number };
  /** An answer that the tenant lets be kept, by its id. */
  readonly keptWrite?: { readonly id: string; readonly value: string; readonly ttlSeconds: number };
  readonly breakers: readonly BreakerReport[];
  readonly speeds?: readonly SpeedReport[];
  /** Probes that the request had: given back where it has them still. */
  readonly unusedProbes?: readonly string[];
}

/** What an attempt says about the health of a backend's model. */
export interface BreakerReport {
  /** The breaker's. */
  readonly name: string;
  readonly healthy: boolean;
  /** How long ago the attempt began. */
  readonly ageMs: number;
  /** What the isolate has seen since it last said so, this success included. */
  readonly successes: Successes;
  readonly rules: BreakerConfig;
  /** The counter of openings, without its last label: why. */
  readonly counter: string;
}

/** What all isolates should know of a target's speed. The later of two that are told at once counts. */
export interface SpeedReport {
  /** As its breaker's. */
  readonly name: string;
  readonly speed: Speed;
}

export type SettleReply =
  /** `handed-over`: another request's call will carry it. */
  | { readonly kind: "settled" | "already-settled" | "late" | "handed-over"; readonly ioMs: number }
  | { readonly kind: "unavailable"; readonly detail: string; readonly ioMs: number };

/** Limits, leases, budgets, exact cache and shared state: at most one HTTP call a method. Never throws for a store that fails. */
export interface AdmissionStore {
  admit(request: AdmissionRequest, alarm?: Alarm): Promise<AdmissionReply>;
  /** Idempotent by request id. */
  settle(settlement: Settlement, alarm?: Alarm): Promise<SettleReply>;
}

export type KeptLookup =
  | { readonly kind: "found"; readonly value: string }
  | { readonly kind: "unknown" }
  | { readonly kind: "unavailable"; readonly detail: string };

/** Answers that were kept, each of one tenant and found by no other. Settlements write them. Fails closed: no store, no word on whether there is one. */
export interface KeptAnswers {
  find(tenant: string, id: string, alarm?: Alarm): Promise<KeptLookup>;
  /** `unknown` where there was none. */
  remove(tenant: string, id: string): Promise<Exclude<KeptLookup, { kind: "found" }> | { readonly kind: "removed" }>;
}

export type KeyLookup =
  | { readonly kind: "found"; readonly snapshot: KeySnapshot }
  | { readonly kind: "unknown" }
  | { readonly kind: "unavailable"; readonly detail: string };

/** Finds keys for isolates that do not know them: Redis first, then Postgres. */
export interface KeyDirectory {
  /** `fresh`: go past the Redis snapshot, because the key's version moved. */
  load(keyId: string, fresh: boolean): Promise<KeyLookup>;
}

/** Charged once for each wrong credential, by the address that sent it. Fails open: it guards look-ups, not money. */
export interface AddressGuard {
  allow(address: string): Promise<{ readonly allowed: boolean; readonly retryAfterMs: number }>;
}

export interface OverlayStore {
  /** The newest overlay, or undefined where there is none or the store is away. */
  load(): Promise<Overlay | undefined>;
}

/** Budgets that Redis cannot count yet: new ones, changed ones, or all of them after a flush. */
export interface Unseeded {
  /** Redis' clock: it says which period is running. */
  readonly now: number;
  /** Which opening of the tenant's money this is about; the sums are written under no other. */
  readonly generation: string;
  readonly levels: readonly LevelCharge[];
}

/** Gives Redis the ledger's sums for budgets that it cannot count yet. False: they stay closed. */
export interface BudgetSeeder {
  seed(tenant: string, unseeded: Unseeded): Promise<boolean>;
}

/** Carries events to the ledger, each as JSON text: written once for Redis and the queue alike. May lose some: the settle call's record in Redis is the one that counts. */
export interface EventQueue {
  send(eventTexts: readonly string[]): Promise<void>;
}

export interface OutboundCall {
  readonly backend: Backend;
  readonly request: WireRequest;
  readonly requestId: string;
  readonly traceparent: string;
  readonly stream: boolean;
}

/** Sends to a backend. Never follows a redirect; adds host and credentials; headers from an allow-list only. */
export interface Transport {
  /** Resolves with any HTTP response. A failure is one of connecting: refused, DNS, TLS, aborted. */
  send(call: OutboundCall, signal: AbortSignal): Promise<Result<Response>>;
}

/** A request that wants to sit down at a backend. */
export interface SeatRequest {
  readonly backend: string;
  readonly tenant: string;
  /** The tier's; lower is seated first. */
  readonly rank: number;
  /** Sequences that it generates. */
  readonly seats: number;
  /** How long it waits at most; 0: only for a seat that is free now. */
  readonly patienceMs: number;
  /** When its seat is taken away at the latest. */
  readonly leaseMs: number;
  readonly rules: Pick<SeatsConfig, "count" | "queue" | "lowerShare" | "coldAfterMs">;
}

/** Where a request stands in a queue: how many sit before it does, itself included, and about how long that takes, where that is known. */
export interface Place {
  readonly place: number;
  readonly aboutMs?: number;
}

/** A seat, until it is released. */
export interface Seat {
  /** The backend gave its first token: it is up. */
  answered(): void;
  /** Once. `served`: the answer is over. `stopped`: the backend was told to stop. `failed`: it did. */
  release(how: "served" | "stopped" | "failed"): void;
}

export type SeatReply =
  | { readonly kind: "seated"; readonly seat: Seat }
  /** `full`: nobody else may wait. `shed`: a better tier needed the place. `wait`: patience is over, or would be. */
  | { readonly kind: "refused"; readonly why: "full" | "shed" | "wait"; readonly retryAfterMs?: number }
  | { readonly kind: "left" }
  | { readonly kind: "unavailable"; readonly detail: string };

/** A request that waits for a seat. */
export interface SeatWait {
  readonly outcome: Promise<SeatReply>;
  /** Waits no longer; harmless once it is over. */
  leave(): void;
}

/**
 * Seats on private backends, and the queue before them, shared by all isolates. Fails open: where it cannot be asked (`unavailable`), and
 * where it is lost while somebody sits, the request goes on without a seat, and the backend's own queue limit is what is left.
 */
export interface Seats {
  /** `hear` is told the place whenever it changes. */
  take(request: SeatRequest, alarm: Alarm, hear: (place: Place) => void): SeatWait;
  /**
   * An attempt without a seat met with what may be an outage: whoever asks the backend how it is does so now. Told once a second at most by each isolate;
   * undefined where it was told just now. Never rejects, and nobody waits for it: what is lost costs no more than the time to the next reading.
   */
  suspect(backend: string): Promise<unknown> | undefined;
}
