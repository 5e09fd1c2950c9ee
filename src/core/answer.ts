import type { Failure } from "./failure.ts";
import type { Json, JsonObject } from "./json.ts";
import type { Usage } from "./usage.ts";

/** Why a choice ended: one vocabulary, and the backend's own word beside it. */
export interface FinishReason {
  readonly kind: "stop" | "length" | "tool" | "filter" | "refusal" | "pause" | "other";
  readonly raw: string;
}

/**
 * What a stream says, independent of its format. `choice` is OpenAI's index (Anthropic: 0); `block` is the position of a
 * content block inside the choice (Anthropic's index; OpenAI: 0 for text, one number of its own for reasoning).
 */
export type StreamEvent =
  | { readonly type: "start"; readonly id: string; readonly model: string; readonly createdAt?: number }
  | {
      readonly type: "text" | "reasoning" | "refusal";
      readonly choice: number;
      readonly block: number;
      readonly text: string;
    }
  | {
      readonly type: "tool-start";
      readonly choice: number;
      readonly block: number;
      readonly id: string;
      readonly name: string;
    }
  | { readonly type: "tool-input"; readonly choice: number; readonly block: number; readonly json: string }
  | {
      readonly type: "citation" | "signature" | "logprobs";
      readonly choice: number;
      readonly block: number;
      readonly data: Json;
    }
  /** Fields of a frame that the vocabulary has no word for; kept for callers of the same format. */
  | { readonly type: "other"; readonly choice: number; readonly block: number; readonly data: JsonObject }
  | { readonly type: "usage"; readonly usage: Usage }
  | { readonly type: "finish"; readonly choice: number; readonly finish: FinishReason }
  | { readonly type: "failure"; readonly failure: Failure };

/**
 * One frame of a stream, or several neighbours that are not notable. `raw` is the bytes with the closing blank line, exactly as they came. `notable`
 * is false only where the reader knows, without parsing, that there is no finish, usage, failure or end in it: such a frame may pass unread.
 */
export interface Frame {
  readonly raw: Uint8Array;
  /** How many frames of the stream it is. */
  readonly count: number;
  readonly notable: boolean;
  /** True for the format's own last frame (`[DONE]`, `message_stop`). It proves nothing by itself. */
  readonly terminal: boolean;
  /** Parsed on the first call and kept. A frame that is not of the format yields one `failure` (`backend_protocol`). */
  events(): readonly StreamEvent[];
}

/** Content of a complete answer. */
export type AnswerBlock =
  | {
      readonly type: "text" | "reasoning" | "refusal";
      readonly text: string;
      readonly signature?: Json;
      readonly citations?: readonly Json[];
    }
  | { readonly type: "tool"; readonly id: string; readonly name: string; readonly json: string }
  | { readonly type: "other"; readonly data: JsonObject };

export interface AnswerChoice {
  readonly index: number;
  readonly blocks: readonly AnswerBlock[];
  readonly finish: FinishReason;
}

/** A complete answer to a chat or a legacy completion, whole: every choice finished. What a stream collects to, what a cache stores. */
export interface ChatAnswer {
  readonly operation: "chat" | "complete";
  readonly id: string;
  readonly model: string;
  /** Seconds since the epoch, as OpenAI counts them. */
  readonly createdAt?: number;
  readonly choices: readonly AnswerChoice[];
  readonly usage?: Usage;
  /** Top-level fields of the backend's own format that the vocabulary has no word for, kept for callers of that format. */
  readonly extra?: { readonly wire: string; readonly fields: JsonObject };
}

/** Vectors in the order of the inputs; `vectors[i]` is a list of numbers or OpenAI's base64 of little-endian float32. */
export interface EmbedAnswer {
  readonly operation: "embed";
  readonly model: string;
  readonly vectors: readonly (readonly number[] | string)[];
  readonly usage?: Usage;
  readonly extra?: { readonly wire: string; readonly fields: JsonObject };
}

export interface RankedDocument {
  /** The document's place in the request. */
  readonly index: number;
  readonly score: number;
  /** As the backend repeats it. */
  readonly document?: Json;
  /** Fields of a result that the vocabulary has no word for. */
  readonly extra?: JsonObject;
}

/** Documents by relevance, in the backend's order. */
export interface RerankAnswer {
  readonly operation: "rerank";
  readonly model: string;
  readonly results: readonly RankedDocument[];
  readonly usage?: Usage;
  readonly extra?: { readonly wire: string; readonly fields: JsonObject };
}

/** What a chat would take, counted and not charged. */
export interface TokenizeAnswer {
  readonly operation: "tokenize";
  readonly model: string;
  readonly inputTokens: number;
  /** True where the count is ours: no backend was there to count. */
  readonly estimated: boolean;
  readonly extra?: { readonly wire: string; readonly fields: JsonObject };
}

export type Answer = ChatAnswer | EmbedAnswer | RerankAnswer | TokenizeAnswer;

/** An answer of text in choices. */
export function isText(answer: Answer): answer is ChatAnswer {
  return answer.operation === "chat" || answer.operation === "complete";
}
