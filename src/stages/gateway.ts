import type { BreakerState, Successes } from "../core/breaker.ts";
import type { Config } from "../core/config.ts";
import type { Degradation, DegradationLevel } from "../core/degradation.ts";
import type { KeySnapshot, Principal } from "../core/identity.ts";
import type { BackendLoad } from "../core/load.ts";
import type { Policy } from "../core/policy.ts";
import type {
  AddressGuard,
  AdmissionStore,
  BudgetSeeder,
  Chance,
  Clock,
  KeptAnswers,
  KeyDirectory,
  Seats,
  SharedState,
  Transport,
} from "../core/ports.ts";
import type { Probes } from "../core/probes.ts";
import type { Speed } from "../core/speed.ts";
import type { UnrecordedRefusals, WideEvent } from "../core/wide-event.ts";
import type { Ended } from "../routing/breaker.ts";
import type { Evidence, LevelMemory } from "../routing/degradation.ts";

/** Everything that the steps use and do not own. Built once per isolate by `compose.ts`; tests build their own. */
export interface Gateway {
  readonly clock: Clock;
  readonly chance: Chance;
  /** The config version that this isolate holds; a request pins it once. */
  config(): Config;
  /** Told of the overlay version that Redis names; refreshes in the background when it is newer. */
  noticeOverlay(shared: SharedState, waitUntil: (promise: Promise<unknown>) => void): void;
  /** Backends whose URL and required secrets are present. */
  readonly availableBackends: ReadonlySet<string>;
  readonly keys: KeyDirectory;
  readonly principals: PrincipalCache;
  /** Compares the secret part of a key with the snapshot's keyed hash, in constant time. */
  verifySecret(snapshot: KeySnapshot, secret: string): Promise<boolean>;
  readonly addressGuard: AddressGuard;
  readonly strangers: StrangerList;
  readonly admission: AdmissionStore;
  readonly probes: Probes;
  readonly keptAnswers: KeptAnswers;
  readonly localLimits: LocalLimits;
  readonly refusals: RefusalTally;
  readonly budgets: BudgetSeeder;
  readonly breakers: BreakerView;
  readonly loads: LoadView;
  readonly speeds: Speeds;
  readonly retries: RetryBudget;
  readonly routeLevels: RouteLevels;
  readonly policies: readonly Policy[];
  readonly transport: Transport;
  /** Absent where nothing is bound that hands out seats: backends that ask for it are then used without. */
  readonly seats?: Seats;
  /** Takes an event, as JSON, for the queue; sends in batches of the isolate. Never throws. */
  enqueue(eventText: string, waitUntil: (promise: Promise<unknown>) => void): void;
  log(event: WideEvent): void;
  /** A thrown error: logged redacted, with the request id; the caller is told nothing of it. */
  reportBug(error: unknown, requestId: string): void;
  /** A keyed hash of the caller's own name for its end user. */
  hashEndUser(tenant: string, name: string): Promise<string>;
  /** The tenant's salt for vLLM's prefix cache: a keyed hash, always the same. A promise only until this isolate knows it. */
  cacheSalt(tenant: string): string | Promise<string>;
}

/** Principals by their whole token, bounded. */
export interface PrincipalCache {
  get(token: string): Principal | undefined;
  set(token: string, principal: Principal): void;
  delete(token: string): void;
}

/** Addresses that sent too many wrong keys, as this isolate remembers them. */
export interface StrangerList {
  blockedMs(address: string, now: number): number;
  block(address: string, untilMs: number): void;
}

/** What an isolate grants on its own while Redis is away. */
export interface LocalLimits {
  /** Takes one request of `keyId`; `retryAfterMs` where it may not. */
  take(keyId: string, requestsPerMinute: number | undefined, now: number): { allowed: boolean; retryAfterMs: number };
}

/** Keeps a key that hammers over its limit from filling the ledger: a few events a minute, and the count of the rest. */
export interface RefusalTally {
  /** Whether this refusal may have an event. One that may not is counted. */
  note(event: WideEvent): boolean;
  /** What was counted of the key since it was last asked: for the next event that is written of it. */
  take(keyId: string): readonly UnrecordedRefusals[] | undefined;
}

/** The isolate's view of the breakers: Redis' word, and what it has seen since. */
export interface BreakerView {
  learn(shared: Pick<SharedState, "breakers">): void;
  state(name: string): BreakerState | undefined;
  /** Where Redis said nothing: the state, and with it the one probe of an opening that is over. */
  claim(name: string, requestId: string, lastsMs: number): BreakerState | undefined;
  /** Of a request that claimed and learnt nothing. */
  giveBack(requestId: string): void;
  /** The successes that Redis should hear of with this; undefined where it need hear nothing. */
  report(name: string, ended: Ended, holdsProbe: boolean): Successes | undefined;
}

/** What Redis last told the isolate of how backends are. Undefined: nothing. */
export interface LoadView {
  learn(shared: SharedState): void;
  of(backend: string): BackendLoad | undefined;
  /** When a seat may be free, by the queue's last word to this isolate; in the past where nothing is known. */
  freeAt(backend: string): number;
  expectFree(backend: string, at: number): void;
}

/** How long targets recently took to their first tokens, by the names of their breakers: Redis' word, and what the isolate has seen since. */
export interface Speeds {
  /** Undefined: not known, or not any more. */
  firstTokenMs(name: string): number | undefined;
  hear(shared: SharedState): void;
  /** What the others should be told of it; undefined where they were told just now, or may not be by this request. */
  learn(name: string, firstTokenMs: number, mayTell: boolean): Speed | undefined;
}

/** How many retries the isolate may send to a backend, by what it sends to it at all. */
export interface RetryBudget {
  deposit(backend: string, share?: number): void;
  take(backend: string, now: number): boolean;
}

/** How much of itself each route serves, as this isolate knows. A route that it knows nothing of is served in full. */
export interface RouteLevels {
  /** Works out the level that a request of the route gets. */
  level(alias: string, rules: Degradation, health: Omit<Evidence, "failing">): LevelMemory;
  /** The level of the route as the last request got it. */
  levelNow(alias: string): DegradationLevel;
  /** The level that `level` would work out. Changes nothing: for whoever only looks. */
  wouldBe(alias: string, rules: Degradation, health: Omit<Evidence, "failing">): DegradationLevel;
  /** Whether the request that asks may find out if a better level is well: one in a few seconds. */
  mayProbe(alias: string): boolean;
  /** Gives the turn back: the request was refused, or nobody was asked for it. */
  unprobed(alias: string): void;
  /** How a request that backends were asked for ended. `level`: the one that it got. */
  report(alias: string, level: DegradationLevel, failed: boolean): void;
  /** Until a better level may be gone back to, if it is well until then. */
  upInMs(alias: string): number | undefined;
}
