import type { Degradation, DegradationLevel } from "./degradation.ts";
import type { Operation } from "./draft.ts";
import type { LimitLevel } from "./failure.ts";
import type { Price } from "./money.ts";
import type { Choice, RouteRule } from "./route-rules.ts";
import type { TokenizerFamily } from "./tokenizers.ts";
import type { Trigger } from "./triggers.ts";
import type { Quirk, WireName } from "./wire.ts";

/** Milliseconds, each from the start of what it bounds. */
export interface Deadlines {
  /** Until the backend's response headers begin to be possible: the connection stands. Counted into the first token. */
  readonly connectMs: number;
  readonly firstTokenMs: number;
  /** Between two frames once the answer runs. */
  readonly silenceMs: number;
  /** The whole attempt, and the length of the concurrency lease. */
  readonly totalMs: number;
}

export interface BreakerConfig {
  /** Consecutive failures that open it. */
  readonly failures: number;
  /** What opens it too: this share of failures, of at least `minimum` attempts, in the running half of a window and the half before. */
  readonly errorRate: { readonly share: number; readonly windowMs: number; readonly minimum: number };
  /** Probes in a row that must succeed to close it; one is under way at a time. */
  readonly probes: number;
  /** The first opening; each that follows soon is twice as long, up to the longest. */
  readonly openMs: number;
  readonly maxOpenMs: number;
}

/** A breaker that an operator holds open or closed, whatever is seen of the backend. */
export type BreakerByHand = "open" | "closed";

/** How a machine that serves only so many at a time is shared out. */
export interface SeatsConfig {
  /** Sequences that it serves well at once; a request takes as many as it generates. */
  readonly count: number;
  /** Requests that may wait behind them. When it is full the lowest tier makes room. */
  readonly queue: number;
  /** How long a request waits at most, where nothing else would answer it. */
  readonly maxWaitMs: number;
  /** When a request goes to the next attempt, where there is one. */
  readonly spill: {
    /** How long it waits before; 0: not at all. */
    readonly afterMs: number;
    /** Tiers that may; absent: all. The others wait as if there were none, and are refused. */
    readonly tiers?: readonly string[];
  };
  /** Of the seats that are given while better tiers wait too, what each tier below is sure of (0..1). */
  readonly lowerShare: number;
  /** A stream is told its place once its wait is longer than this; from then on a failure is told inside the stream. */
  readonly tellFromMs: number;
  /** After this long without an answer nobody knows whether the model is still loaded: one request finds out, the others wait. */
  readonly coldAfterMs: number;
}

/** How often a vLLM is asked how it is, and when it is too full for what may go elsewhere. */
export interface HealthConfig {
  /** While requests come. Else once a minute. */
  readonly everyMs: number;
  /** More requests in its own queue than this: it is saturated. */
  readonly maxWaiting: number;
  /** As much of its cache of keys and values in use (0..1), or more: it is saturated. */
  readonly maxKvCache: number;
  /** False: its seats stay as many as they are, however full it says that it is. */
  readonly limitSeats?: boolean;
}

/** A place that answers. Everything that tells one backend from another is here, as data. */
export const COLLECT_JSON = ["always", "overDeadline", "whereFollowed", "never"] as const;
export type CollectJson = (typeof COLLECT_JSON)[number];

export interface Backend {
  readonly name: string;
  /** The formats it speaks, one an operation. */
  readonly formats: readonly WireName[];
  /** `workers-ai`: Cloudflare's binding `AI` in place of a host. */
  readonly transport: "fetch" | "workers-ai";
  /** The name of the environment variable that holds the base URL (and what stands where it is unset), or the URL itself. Ends in `/v1` or not. */
  readonly baseUrl:
    | { readonly env: string; readonly default?: string }
    | { readonly url: string }
    | { readonly binding: "AI" };
  readonly auth: {
    readonly scheme: "bearer" | "x-api-key" | "none";
    /** Name of the secret. */
    readonly secret?: string;
    /** True where the backend may run without: vLLM without `--api-key`. */
    readonly optional: boolean;
  };
  /** Further outbound headers: fixed values, or names of secrets (an Access service token); an absent optional secret leaves the header out. */
  readonly headers: Readonly<Record<string, { readonly value: string } | { readonly secret: string }>>;
  readonly quirks: readonly Quirk[];
  /** What may be done with the address of an image or a file in a request: the backend fetches it, from its own place in the network. */
  readonly imageUrls: ImageUrls;
  /** True where vLLM runs `--scheduling-policy priority`; without it vLLM refuses any priority but 0. */
  readonly priorityScheduling: boolean;
  /**
   * When a caller wants JSON, whether the backend is asked to stream all the same: `whereFollowed`, so that its silence is noticed in time, where another
   * step may answer in its place; `overDeadline` also where the answer may be long.
   */
  readonly collectJson: CollectJson;
  readonly deadlines: Deadlines;
  /** Of each of its models one. */
  readonly breaker: BreakerConfig;
  /** Where requests sit down at the backend one by one, and wait in a queue of ours. Absent: they come as they come. */
  readonly seats?: SeatsConfig;
  /** Where the seats Worker asks it how it is, by vLLM's `/health`, `/load` and `/metrics`. Absent: nobody does. */
  readonly health?: HealthConfig;
  /** Known models of this backend by the backend's own name. */
  readonly models: Readonly<Record<string, ModelInfo>>;
}

/** `pass`: http and https; `https-only`; `refuse`: none. Addresses that are private by their looks are refused always. */
export type ImageUrls = "pass" | "https-only" | "refuse";

export interface ModelInfo {
  readonly price: Price;
  readonly contextTokens?: number;
  readonly tokenizer?: TokenizerFamily;
}

/** By which a target is known in records and rules. */
export function nameOfTarget(target: Target): string {
  return target.name ?? `${target.backend}/${modelNameOf(target)}`;
}

/** A backend and a model on it. `env` names a variable that holds the model's name (a vLLM's `--served-model-name`). */
export interface Target {
  /** By which rules know it. */
  readonly name?: string;
  readonly backend: string;
  readonly model: { readonly name: string } | { readonly env: string; readonly default: string };
  /** 0: only where a rule names it. */
  readonly weight: number;
  readonly price: Price;
  /** How the model counts; absent: as the family that counts most. */
  readonly tokenizer?: TokenizerFamily;
  /** What the model can hold, input and output together, where it is known. */
  readonly contextTokens?: number;
  /** What leads to this step of the chain; absent: `DEFAULT_TRIGGERS`. The target that comes first needs nothing to lead to it. */
  readonly on?: readonly Trigger[];
  /** Until this step's first token, its retries included, within the route's own. */
  readonly delayBudgetMs?: number;
  /** The step is left out while its price, which the overlay may have changed, is above this in any part. */
  readonly priceCeiling?: Price;
}

/** The backend's name for the model of a target. A variable that was not bound to the environment is known by its default. */
export function modelNameOf({ model }: Pick<Target, "model">): string {
  return "name" in model ? model.name : model.default;
}

export interface CacheRule {
  /** `auto`: requests that ask for determinism (temperature 0, or a seed). */
  readonly mode: "auto" | "on" | "off";
  readonly ttlSeconds: number;
}

/** What an alias means: the weighted targets and, behind them, the fallbacks in order. */
export interface Route {
  readonly alias: string;
  readonly operation: Operation;
  readonly description?: string;
  readonly targets: readonly Target[];
  readonly fallbacks: readonly Target[];
  /** The first that matches says which targets a request may have, and how one is chosen. */
  readonly rules?: readonly RouteRule[];
  /** How one of several targets is chosen; absent: by weight. */
  readonly choose?: Choice;
  /** Sent upstream where the caller gave none, and the most that a caller may ask for. */
  readonly maxOutputTokens: number;
  /** Input larger than this is refused before anything is reserved. */
  readonly maxInputTokens: number;
  readonly cache: CacheRule;
  /** True where a chat's input is counted by the target's own tokenizer before admission, and not estimated: one call more. */
  readonly exactTokens?: boolean;
  /** From admission to the first token, over all attempts. */
  readonly delayBudgetMs: number;
  /** No target or fallback whose price is above this, in any part, is asked or reserved for. */
  readonly priceCeiling?: Price;
  /**
   * A first token that is not there after `afterMs` is also asked of the next step; the first real token of the two wins, the other is stopped. At most
   * `share` of the route's requests may have one.
   */
  readonly hedge?: { readonly afterMs: number; readonly share: number };
  /** Attempts at most, retries and a hedge included. */
  readonly maxAttempts: number;
  /** After this long without a first token, a stream answers 200 and keep-alives. */
  readonly holdHeadersMs: number;
  readonly keepAliveMs: number;
  readonly deadlines?: Partial<Deadlines>;
  /** Structured answers are checked against the request's schema before any of them is sent, and an invalid one is asked for again so often at most. */
  readonly validateStructured?: { readonly repairs: number };
  /** A stream of text that breaks off behind its first token is continued by another backend, so often at most. */
  readonly continueStreams?: { readonly attempts: number };
  /** What is served where the route cannot serve in full; absent: whatever its targets and fallbacks give. */
  readonly degradation?: Degradation;
  /** The level that operators hold the route at, whatever is seen of its backends. */
  readonly levelByHand?: DegradationLevel;
  /** False: a departed client does not stop the generation (it is drained and settled whole). */
  readonly cancelOnDisconnect: boolean;
}

/** One limit at one level. Absent units are unlimited. */
export interface LevelLimits {
  readonly requestsPerMinute?: number;
  readonly tokensPerMinute?: number;
  /** Requests under way at once. */
  readonly concurrency?: number;
  readonly budget?: BudgetLimit;
  /** For tests and slow tariffs: the period over which the two "per minute" limits refill; default 60,000. */
  readonly refillPeriodMs?: number;
}

export interface BudgetLimit {
  readonly limitNanoUsd: number;
  readonly period: "day" | "month" | "total";
}

export type Limits = Readonly<Partial<Record<LimitLevel, LevelLimits>>>;

export interface Tier {
  readonly name: string;
  /** The tier's rank where requests wait for a seat, and in a vLLM with priority scheduling; lower runs first, absent is 0. */
  readonly vllmPriority?: number;
  readonly limits: Limits;
}

export interface StoreTimeouts {
  /** For one call to Redis, beyond the connect allowance. */
  readonly redisMs: number;
  readonly redisConnectMs: number;
  readonly postgresMs: number;
}

/** What a request's body may be. */
export interface BodyLimits {
  readonly bodyBytes: number;
  readonly jsonDepth: number;
  /** How long a body may take that does not declare its length, and so may have no end. */
  readonly undeclaredBodyMs: number;
}

/** What a YAML file compiles to: complete, validated, no defaults left to guess. */
export interface BaseConfig {
  /** Hash of the file's meaning; part of every cache key. */
  readonly version: string;
  readonly backends: Readonly<Record<string, Backend>>;
  readonly routes: Readonly<Record<string, Route>>;
  readonly tiers: Readonly<Record<string, Tier>>;
  readonly defaultTier: string;
  readonly limits: BodyLimits;
  readonly snapshotMaxAgeMs: number;
  readonly stores: StoreTimeouts;
  /** Unknown credentials that one address may try a minute. */
  readonly addressGuardPerMinute: number;
  /** How long budgeted keys stay refused after Redis lost its data: the longest that an earlier admission can still be running. */
  readonly budgetQuarantineMs: number;
  /** How much longer than the answer's own deadline a lease lives, so that a late settlement still finds it. */
  readonly leaseMarginMs: number;
  /** Fail-open share of the limits that an isolate grants on its own while Redis is away (0..1). */
  readonly localLimitShare: number;
}

/** The versioned overlay in Redis: what operators change without a deploy. */
export interface Overlay {
  readonly version: number;
  readonly weights?: Readonly<Record<string, readonly number[]>>;
  readonly disabledBackends?: readonly string[];
  /** By `backend` or `backend/model`. */
  readonly breakers?: Readonly<Record<string, BreakerByHand>>;
  readonly tiers?: Readonly<Record<string, Limits>>;
  readonly prices?: Readonly<Record<string, Readonly<Record<string, Price>>>>;
  /** By alias, in place of the base's: a list of `RouteRule`, and a `Choice`. Read where they are used. */
  readonly rules?: Readonly<Record<string, unknown>>;
  readonly choose?: Readonly<Record<string, unknown>>;
  /** The level of a route by its alias, or of all by `*`. */
  readonly degradation?: Readonly<Record<string, DegradationLevel>>;
}

/** Base and overlay as one; pinned for the length of a request. */
export interface Config extends BaseConfig {
  readonly overlayVersion: number;
  /** Names what the overlay says of answers (and not of how well backends are), so that cached ones outlive the rest; absent where that is nothing. */
  readonly overlayMeaning?: string;
  readonly disabledBackends: ReadonlySet<string>;
  readonly breakersByHand: ReadonlyMap<string, BreakerByHand>;
}
