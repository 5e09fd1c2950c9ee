import type { Json, JsonObject } from "./json.ts";

export type Operation = "chat" | "embed";

/**
 * A request body: parsed once, its text kept. `members` are the spans of the top-level members in `text` (UTF-16 offsets), so
 * that a request to a backend of the same format is the caller's own text with a few spans replaced: unknown fields and
 * the digits of numbers survive as they were written.
 */
export interface Body {
  readonly text: string;
  readonly value: JsonObject;
  readonly members: readonly BodyMember[];
  /** UTF-8 length as received. */
  readonly bytes: number;
}

export interface BodyMember {
  readonly key: string;
  /** From the opening quote of the key to the end of the value: `[start, end)`. */
  readonly start: number;
  readonly end: number;
  readonly valueStart: number;
}

export type Role = "system" | "developer" | "user" | "assistant" | "tool";

/** `other` is content that this vocabulary has no word for yet: it passes between equal formats and is refused between different ones. */
export type ContentBlock =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "reasoning"; readonly text: string; readonly signature?: Json }
  | { readonly type: "other"; readonly kind: string; readonly data: Json };

export interface Message {
  readonly role: Role;
  readonly content: readonly ContentBlock[];
  readonly name?: string;
}

/** What a chat request asks for, in no format's words. Absent means that the caller did not say. */
export interface ChatDraft {
  readonly operation: "chat";
  /** The alias that the caller named. */
  readonly model: string;
  readonly stream: boolean;
  /** True where the caller expects usage in the stream (OpenAI: `stream_options.include_usage`; Anthropic: always). */
  readonly streamUsage: boolean;
  readonly messages: readonly Message[];
  readonly maxOutputTokens?: number;
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly stop?: readonly string[];
  readonly seed?: number;
  readonly choices?: number;
  readonly frequencyPenalty?: number;
  readonly presencePenalty?: number;
  /** The caller's name for its own end user (OpenAI `user`/`safety_identifier`, Anthropic `metadata.user_id`). */
  readonly endUser?: string;
  /** Top-level fields without a word here, by name: carried between equal formats, dropped and named between different ones. */
  readonly unknownFields: readonly string[];
  /** Fields whose loss would change the answer's meaning (tools, response_format): refused between different formats. */
  readonly untranslatable: readonly string[];
}

export interface EmbedDraft {
  readonly operation: "embed";
  readonly model: string;
  readonly inputs: readonly (string | readonly number[])[];
  readonly dimensions?: number;
  readonly encoding: "float" | "base64";
  readonly endUser?: string;
  readonly unknownFields: readonly string[];
}

export type Draft = ChatDraft | EmbedDraft;
