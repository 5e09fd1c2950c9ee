import type { Answer, Frame, StreamEvent } from "./answer.ts";
import type { Body, Draft, Operation } from "./draft.ts";
import type { Failure } from "./failure.ts";
import type { Json, JsonObject } from "./json.ts";
import type { Result } from "./result.ts";

export type WireName =
  | "openai-chat"
  | "openai-completions"
  | "openai-embeddings"
  | "openai-responses"
  | "anthropic-messages"
  | "anthropic-count-tokens"
  | "rerank"
  | "vllm-tokenize"
  | "workers-ai"
  | "workers-ai-embeddings"
  | "workers-ai-rerank";

/** What happened to a field on the way between two formats; named in the wide event and on request in a reply header. */
export interface Translation {
  readonly field: string;
  readonly what: "mapped" | "dropped" | "refused" | "added" | "stripped";
}

/** What is asked of a backend in one attempt. Built anew for each attempt from the same untouched draft and body. */
export interface AttemptRequest {
  readonly draft: Draft;
  /** The caller's body and its format; a wire of the same name patches it, any other builds from `draft`. */
  readonly body: Body;
  readonly clientWire: WireName;
  /** The backend's name for the model. */
  readonly model: string;
  /** Whether the backend is asked to stream (may differ from what the caller asked: `collectJson`). */
  readonly stream: boolean;
  /** Upper bound of output tokens to send (the caller's wish, capped by the route). Undefined for operations without one. */
  readonly maxOutputTokens?: number;
  readonly quirks: ReadonlySet<Quirk>;
  /** Top-level members that the gateway sets on this backend, whatever the caller said of them (vLLM's `cache_salt` and `priority`). */
  readonly ownMembers?: Readonly<Record<string, Json>>;
}

/** Named options that two or more backends may share; anything else about a backend is plain data. What each does: wire/quirks.ts. */
export type Quirk =
  /** Strip the fields that vLLM would obey and a caller must not set (priority, cache_salt, …); set the gateway's own. */
  | "vllm"
  /** Send `max_completion_tokens` instead of `max_tokens`. */
  | "max-completion-tokens"
  /** The backend rejects `stream_options`: ask for no usage, and estimate it where it does not come by itself. */
  | "no-stream-options"
  /** The backend gives one choice whatever `n` says, or rejects it: more than one is refused. */
  | "no-n"
  /** The backend rejects `logprobs` and `logit_bias`, or passes over them: refused. */
  | "no-logprobs"
  /** The backend rejects names of messages: dropped. */
  | "no-names"
  /** The backend rejects `user`: dropped. */
  | "no-end-user"
  /** The backend calls `seed` `random_seed`. */
  | "random-seed"
  /** The backend goes on where a last message of the assistant ends, as a vLLM does when it is told to: it can continue an answer that broke off. */
  | "assistant-prefill";

/** A request to a backend, before a transport adds the host and credentials. `path` starts behind the base URL: `/chat/completions`. */
export interface WireRequest {
  readonly path: string;
  /** True where the path stands beside the base URL's version segment and not below it: vLLM's `/tokenize`. */
  readonly unversioned?: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly translations: readonly Translation[];
}

/** A backend's reply that is not a success, reduced to what a format needs to name it. At most 64 KiB of body. */
export interface FailedResponse {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  /** From `retry-after-ms` or `Retry-After` (seconds or date, read against the clock), bounded. */
  readonly retryAfterMs?: number;
}

/** A failure in the caller's format. `body` is JSON text. */
export interface WireFailure {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Bytes to frames. Keeps an unfinished tail; the law: any split of the bytes gives the same bytes and the same events. */
export interface FrameReader {
  /** The frames that `chunk` completes, in order. A frame larger than 1 MiB yields one `failure` frame and ends the reader. */
  push(chunk: Uint8Array): readonly Frame[];
  /** What is left when the bytes end: an unfinished frame is no frame. True where the tail held anything but whitespace. */
  hasTail(): boolean;
}

/** Events to bytes in the caller's format: for translated streams, replayed answers, failures and keep-alives. */
export interface FrameWriter {
  /** Zero or more frames for one event, ready to send. The writer adds what its format needs around it (block starts, roles). */
  write(event: StreamEvent): string;
  /** The frames that close a complete stream (`[DONE]`; `message_delta`/`message_stop`), usage last where the caller asked. */
  end(): string;
  /** The frames that tell of a failure in mid-stream, and end it. Text is made safe for SSE. */
  failure(failure: Failure, requestId: string): string;
  /** A frame that every client of the format ignores: a comment, or `ping`. */
  readonly keepAlive: string;
}

export interface WriterContext {
  readonly id: string;
  readonly model: string;
  /** Seconds since the epoch. */
  readonly createdAt: number;
  readonly includeUsage: boolean;
  /** The caller's own body, for a format whose answers repeat what was asked. */
  readonly request?: JsonObject;
  /** Whether the answer is kept, for a format whose answers say so. */
  readonly stored?: boolean;
}

/** What a format says of conversations that are kept, in its own items. Only for formats whose callers may ask for it. */
export interface KeptConversations {
  /** What the request says, as the items that a later one would have to send. Without what holds for one request alone (instructions). */
  itemsOf(body: Body): readonly Json[];
  /** The items of an answer in this format that a later request would have to send. */
  itemsOfAnswer(answer: JsonObject): readonly Json[];
  /** The text of the request that says the same without a reference: the earlier items before its own. */
  spelledOut(body: Body, earlier: readonly Json[]): string;
}

/** A wire format, both directions: the side that clients speak and the side that backends speak. Pure: no fetch, env, time or HTTP framework. */
export interface Wire {
  readonly name: WireName;
  readonly operation: Operation;
  /** Whether the format can stream at all (embeddings cannot). */
  readonly streams: boolean;
  decodeRequest(body: Body): Result<Draft>;
  /** A failure says that the draft cannot be said in this format without changing its meaning. */
  encodeRequest(attempt: AttemptRequest): Result<WireRequest>;
  decodeStream(): FrameReader;
  encodeStream(context: WriterContext): FrameWriter;
  /** The closing frame of a complete stream whose other frames passed as bytes: `data: [DONE]`, `message_stop`. Empty where the format has no streams, or where its last frame holds the answer's end and passes like the others. */
  readonly terminator: string;
  /** How the ids of this format's answers begin. Empty where answers have none. */
  readonly idPrefix: string;
  decodeAnswer(json: Json): Result<Answer>;
  encodeAnswer(answer: Answer, context: WriterContext): Json;
  /** Never passes on HTML or anything that looks like a credential or a host. */
  decodeFailure(response: FailedResponse): Failure;
  encodeFailure(failure: Failure, requestId: string): WireFailure;
  readonly kept?: KeptConversations;
  /** The rate-limit headers of this format for what admission saw. */
  rateHeaders(rate: RateState): Readonly<Record<string, string>>;
}

/** The tightest level of each unit after admission. */
export interface RateState {
  readonly requests?: RateWindow;
  readonly tokens?: RateWindow;
}

export interface RateWindow {
  readonly limit: number;
  readonly remaining: number;
  /** Until the bucket is full again, in milliseconds. */
  readonly resetMs: number;
  /** The same moment on the clock, milliseconds since the epoch. */
  readonly resetAtMs: number;
}
