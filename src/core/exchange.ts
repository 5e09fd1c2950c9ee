import type { Answer, Frame } from "./answer.ts";
import type { Config, Route, Target } from "./config.ts";
import type { Degraded } from "./degradation.ts";
import type { Body, Draft } from "./draft.ts";
import type { Failure } from "./failure.ts";
import type { Principal } from "./identity.ts";
import type { JsonObject } from "./json.ts";
import type { Price } from "./money.ts";
import type { Alarm, LevelCharge, Reservation, SharedState } from "./ports.ts";
import type { Choice, RouteDecision } from "./route-rules.ts";
import type { AttemptRecord, Decision } from "./wide-event.ts";
import type { RateState, Translation, Wire } from "./wire.ts";

/**
 * The exchange grows by intersection: each step takes what it needs by type and adds its own part, so a wrong order
 * of steps does not compile. Nothing that a step added is changed later; only `notes` is appended to.
 */
export interface Received {
  readonly requestId: string;
  /** Milliseconds since the epoch. */
  readonly receivedAt: number;
  readonly wire: Wire;
  readonly bytes: Uint8Array;
  readonly credentials: Credentials;
  readonly controls: Controls;
  readonly trace: Trace;
  /** Whether the client is still there, and word of it when it leaves. */
  readonly departure: Departure;
  /** The deadlines of this request. */
  readonly alarm: Alarm;
  /** Keeps the isolate alive for a promise after the reply. */
  readonly waitUntil: (promise: Promise<unknown>) => void;
  readonly notes: Notes;
}

/**
 * The client's departure. A plain object: the runtime's own signal costs an event target for each that is made, and every request
 * would make one of its own.
 */
export interface Departure {
  readonly gone: boolean;
  /** Calls back at once where the client has gone already. The function that comes back takes the listener away. */
  onGone(listener: () => void): () => void;
  /** Says so where a stream's end noticed it before the connection did. Harmless when called twice. */
  leave(): void;
}

export interface Credentials {
  readonly bearer?: string;
  readonly apiKey?: string;
  /** The client's address as the edge saw it; never a header that a client can set. */
  readonly address: string;
}

/** The caller's wishes under the `x-gateway-` prefix, validated. */
export interface Controls {
  readonly cache?: "on" | "off" | "refresh";
  readonly cacheTtlSeconds?: number;
  readonly cacheNamespace?: string;
  readonly noFallback: boolean;
  /** What the request is for, in the caller's words: for rules of routes. */
  readonly task?: string;
  /** Which requests belong together: a choice by hash may stick to it. */
  readonly session?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly debugTranslation: boolean;
}

export interface Trace {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly sampled: boolean;
}

/** `held`: the request may still ask. `healthy`: what was told of it, by which attempt; undefined: nothing. */
export interface Probe {
  readonly held: boolean;
  readonly ordinal?: number;
  readonly healthy?: boolean;
}

/** Where a request stands in a queue, and about when it is over (milliseconds since the epoch), where that is known. */
export interface Waiting {
  readonly place: number;
  readonly overAt?: number;
}

/** The running record of one request: what each step decided, what each attempt did. Append-only, but for `waiting`, `probes` and `filtered`. */
export interface Notes {
  readonly decisions: Decision[];
  readonly translations: Translation[];
  readonly attempts: AttemptRecord[];
  /** Attempts that began, repairs included; each leaves its record when it is over. */
  attemptsBegun: number;
  /** A content filter stopped the request, or an answer of it: from then on nobody may be asked who does not stand for that. */
  filtered?: true;
  /** Breakers' probes that the request took on its way, and what became of those that it had, by the breaker's name. */
  probes?: Map<string, Probe>;
  /** Only while the request waits in a queue and should be told so. */
  waiting?: Waiting | undefined;
  /** Told when `waiting` changes. */
  onWaiting?: () => void;
}

export type Decoded = Received & { readonly body: Body; readonly draft: Draft };

export type Authenticated = Decoded & { readonly principal: Principal };

/** Of a request whose answer may be kept, or that goes on from one that was: such an answer is always written anew. */
export interface Keeping {
  /** Under which the answer is kept, and told to the caller; undefined: it is not kept. */
  readonly id?: string;
  /** The caller's own words, before an earlier conversation was put before them. */
  readonly asked: JsonObject;
}

/** With the whole conversation in `draft` and `body`, wherever it came from. */
export type Continued = Authenticated & { readonly keeping?: Keeping };

export type Resolved = Continued & {
  readonly config: Config;
  readonly route: Route;
  readonly inputTokens: number;
  /** Sent upstream and reserved; undefined for operations without output tokens. */
  readonly maxOutputTokens: number | undefined;
  readonly levels: readonly LevelCharge[];
  readonly reservation: Reservation;
  /** What the reservation was made at: no attempt may cost more, part by part. */
  readonly priceCeiling: Price;
  /** The target that was chosen of several; undefined where the route has only one. */
  readonly drawn: Target | undefined;
  readonly routing: RouteDecision;
  /** Where the choice went by speed: among whom, and whether it had to guess of one of them. */
  readonly compared?: Compared | undefined;
  /** Undefined: served in full. */
  readonly degraded?: Degraded | undefined;
  readonly cache: CachePlan;
};

export interface Compared {
  readonly targets: readonly Target[];
  /** As breakers are named. */
  readonly names: readonly string[];
  readonly choice: Choice;
  readonly isGuess: boolean;
}

/** What may happen with the exact cache for this request. */
export interface CachePlan {
  /** Undefined: neither read nor written. */
  readonly key?: string;
  readonly read: boolean;
  readonly ttlSeconds: number;
  /** Read only because nothing else would answer: the request itself asked for no cache. */
  readonly readOnly?: true;
}

export type Admitted = Resolved & {
  readonly rate: RateState;
  readonly shared: SharedState;
  /** The raw entry of the exact cache. */
  readonly cached?: string;
  /** True where Redis was away and the isolate admitted on its own. */
  readonly unleased: boolean;
};

/** What a cache entry or a backend gives: the same thing to every step behind. */
export type LiveAnswer = StreamingAnswer | WholeAnswer;

export interface AnswerOrigin {
  readonly backend: string;
  readonly model: string;
  /** Whether this is what the route's own target said (of several, the drawn one), and not another's answer in its place. */
  readonly chosenTarget: boolean;
  readonly cached: boolean;
  /** When a cached answer was made. */
  readonly storedAt?: number;
}

/** An answer that runs: the first real token has been seen and is the first of `next()`. */
export interface StreamingAnswer {
  readonly kind: "stream";
  /** The end of the whole deadline, milliseconds since the epoch: whoever reads slower than that is cut off. */
  readonly expiresAt: number;
  readonly wire: Wire;
  readonly origin: AnswerOrigin;
  /** A content filter ended it before its first word. */
  readonly filtered?: boolean;
  /**
   * The next frames; `end` when the backend's stream is over and every choice has finished; a failure otherwise.
   * After `end` or a failure it is not called again.
   */
  next(): Promise<StreamStep>;
  /** Nobody wants the rest: the client has gone, or (with a failure) something broke. Stops the backend and closes the attempt's record, once. */
  cancel(failure?: Failure): void;
}

export type StreamStep =
  | { readonly kind: "frames"; readonly frames: readonly Frame[] }
  | { readonly kind: "end" }
  | { readonly kind: "failure"; readonly failure: Failure };

export interface WholeAnswer {
  readonly kind: "whole";
  readonly wire: Wire;
  readonly origin: AnswerOrigin;
  readonly answer: Answer;
  /** The backend's own JSON text, for callers of the same format. */
  readonly text?: string;
}

/** What leaves the pipeline; HTTP adds nothing but the socket. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | ReadableStream<Uint8Array>;
}
