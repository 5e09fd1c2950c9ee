import type { Json, JsonObject } from "./json.ts";

export type Operation = "chat" | "complete" | "embed" | "rerank" | "tokenize";

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

/** Bytes in the request itself, as base64 text, or a place where the backend finds them. A URL is passed on and never fetched here. */
export type MediaSource =
  | { readonly kind: "base64"; readonly mediaType: string; readonly data: string }
  | { readonly kind: "url"; readonly url: string }
  /** An id under which the provider itself holds the file. */
  | { readonly kind: "id"; readonly id: string };

/** Where a block stands in the caller's own body (`messages[1].content[0]`, `system[0]`, `input[3].output[0]`): a refusal names it. Only of blocks that may be refused for what they are. */
interface Placed {
  readonly path: string;
}

/** What a caller may say beside any block: where a provider should set a mark in its prompt cache (Anthropic's `cache_control`, as it came). */
interface Marked {
  readonly cacheControl?: JsonObject;
}

/**
 * Content of a message. `tool-call` is the assistant's; `tool-result` answers it by id and stands in a message of the role `tool` (one each, as
 * OpenAI has it) or among a user's blocks (as Anthropic has it): writers put it where their format wants it. `other` is content that this
 * vocabulary has no word for: it passes between equal formats and is refused between different ones.
 */
export type ContentBlock =
  | ({ readonly type: "text"; readonly text: string; readonly citations?: readonly Json[] } & Marked)
  | ({ readonly type: "refusal"; readonly text: string } & Marked)
  | ({ readonly type: "reasoning"; readonly text: string; readonly signature?: Json } & Marked)
  /** Reasoning that only its provider can read. */
  | { readonly type: "redacted-reasoning"; readonly data: string }
  | ({ readonly type: "image"; readonly source: MediaSource; readonly detail?: string } & Marked & Placed)
  | ({ readonly type: "file"; readonly source: MediaSource; readonly name?: string } & Marked & Placed)
  /** `json`: the arguments as text, as the model wrote them; it need not be valid JSON. */
  | ({ readonly type: "tool-call"; readonly id: string; readonly name: string; readonly json: string } & Marked)
  | ({
      readonly type: "tool-result";
      readonly id: string;
      readonly content: readonly ContentBlock[];
      readonly isError?: boolean;
    } & Marked)
  | ({ readonly type: "other"; readonly kind: string; readonly data: Json } & Placed);

export interface Message {
  readonly role: Role;
  readonly content: readonly ContentBlock[];
  readonly name?: string;
}

/** A function that the model may call. `schema`: a JSON Schema of its arguments. Tools that a provider runs itself are `other` content of the format. */
export interface Tool extends Marked {
  readonly name: string;
  readonly description?: string;
  readonly schema: JsonObject;
  /** Arguments must follow the schema exactly. */
  readonly strict?: boolean;
}

/** `required`: some tool; `named`: this one. */
export type ToolChoice =
  | { readonly kind: "auto" | "none" | "required" }
  | { readonly kind: "named"; readonly name: string };

/** What the final text must look like. */
export type ResponseFormat =
  | { readonly kind: "json-object" }
  | {
      readonly kind: "json-schema";
      readonly name: string;
      readonly description?: string;
      readonly schema: JsonObject;
      readonly strict?: boolean;
    };

/**
 * How much the model should think first: a word (OpenAI, vLLM), or a number of tokens (Anthropic); `off` where the caller says so. Neither of
 * the two: as much as the model likes.
 */
export interface ReasoningWish {
  readonly effort?: "off" | "minimal" | "low" | "medium" | "high" | "xhigh" | "max";
  readonly budgetTokens?: number;
  /** Whether the caller wants to read it. */
  readonly summary?: string;
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
  readonly tools?: readonly Tool[];
  readonly toolChoice?: ToolChoice;
  /** False: at most one call in an answer. */
  readonly parallelToolCalls?: boolean;
  readonly responseFormat?: ResponseFormat;
  readonly reasoning?: ReasoningWish;
  readonly maxOutputTokens?: number;
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly stop?: readonly string[];
  readonly seed?: number;
  readonly choices?: number;
  readonly frequencyPenalty?: number;
  readonly presencePenalty?: number;
  /** Log probabilities of the answer's tokens, with so many alternatives each (0: none). */
  readonly logprobs?: { readonly top: number };
  readonly serviceTier?: string;
  /** The caller's name for its own end user (OpenAI `user`/`safety_identifier`, Anthropic `metadata.user_id`). */
  readonly endUser?: string;
  /** Steers which requests share a provider's prompt cache. */
  readonly promptCacheKey?: string;
  /** Whether the caller wants the answer to be kept for later requests; absent where the format cannot ask for it. */
  readonly keep?: boolean;
  /** The id of a kept answer from which this request goes on. Resolved before anything is counted (stages/go-on.ts): no backend sees it. */
  readonly previous?: string;
  /** Top-level fields without a word here, by name: carried between equal formats, dropped and named between different ones. */
  readonly unknownFields: readonly string[];
  /** Fields whose loss would change the answer's meaning: refused between different formats. */
  readonly untranslatable: readonly string[];
}

/** Legacy completion: text in, text out. */
export interface CompleteDraft
  extends Pick<
    ChatDraft,
    | "model"
    | "stream"
    | "streamUsage"
    | "maxOutputTokens"
    | "temperature"
    | "topP"
    | "topK"
    | "stop"
    | "seed"
    | "choices"
    | "frequencyPenalty"
    | "presencePenalty"
    | "logprobs"
    | "endUser"
    | "unknownFields"
    | "untranslatable"
  > {
  readonly operation: "complete";
  /** Texts, or token ids; each is answered by itself. */
  readonly prompts: readonly (string | readonly number[])[];
  readonly suffix?: string;
  readonly echo?: boolean;
  /** So many are made for each prompt, and the best `choices` of them returned; all of them are paid for. */
  readonly bestOf?: number;
}

/** Which of the documents answer the query best (vLLM's, Cohere's and Jina's `/rerank`). */
export interface RerankDraft {
  readonly operation: "rerank";
  readonly model: string;
  readonly query: string;
  /** Texts in the caller's order; an answer refers to them by index. */
  readonly documents: readonly string[];
  readonly topN?: number;
  /** Whether the answer repeats the documents; absent: as the backend does it. */
  readonly returnDocuments?: boolean;
  readonly endUser?: string;
  readonly unknownFields: readonly string[];
}

/** How many input tokens this chat request would take; answered for the aliases of chat routes. */
export interface TokenizeDraft {
  readonly operation: "tokenize";
  readonly model: string;
  readonly chat: ChatDraft;
  readonly endUser?: string;
  readonly unknownFields: readonly string[];
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

export type Draft = ChatDraft | CompleteDraft | EmbedDraft | RerankDraft | TokenizeDraft;

/** A draft whose answer is text that a model writes: it has choices, output tokens, and may be streamed. */
export type GenerativeDraft = ChatDraft | CompleteDraft;

/** The first thing that `look` finds in the blocks of messages, those in results of tools (`inResult`) included. Texts are passed over. */
export function findInBlocks<Found>(
  messages: readonly { readonly content: readonly ContentBlock[] }[],
  look: (block: ContentBlock, inResult: boolean) => Found | undefined,
  inResult = false,
): Found | undefined {
  for (const { content } of messages) {
    for (const block of content) {
      if (block.type === "text") continue;
      const found =
        look(block, inResult) ?? (block.type === "tool-result" ? findInBlocks([block], look, true) : undefined);
      if (found) return found;
    }
  }
  return undefined;
}

/** Parts of it that have no word here are blocks of the draft. */
const CONVERSATION = new Set(["messages", "system", "input"]);

/** Members of the body that the draft names but does not hold; of those that it names a part of (`tools[1]`), the whole. A conversation that was read is none. */
export function unreadMembers(draft: Draft, { members }: Body): readonly BodyMember[] {
  const asked = draft.operation === "tokenize" ? draft.chat : draft;
  const fields = [...asked.unknownFields, ...(isGenerative(asked) ? asked.untranslatable : [])];
  if (fields.length === 0) return [];
  const names = new Set(fields);
  for (const field of fields) {
    const [whole = ""] = field.split(/[.[]/, 1);
    if (!CONVERSATION.has(whole)) names.add(whole);
  }
  return members.filter(({ key }) => names.has(key));
}

export function isGenerative(draft: Draft): draft is GenerativeDraft {
  return draft.operation === "chat" || draft.operation === "complete";
}

/** How many choices a complete answer has: each of them must finish. */
export function choicesOf(draft: Draft): number {
  switch (draft.operation) {
    case "chat":
      return draft.choices ?? 1;
    case "complete":
      return draft.prompts.length * (draft.choices ?? 1);
    case "embed":
    case "rerank":
    case "tokenize":
      return 1;
  }
}

/** How many texts the model writes at most, each up to the cap: the returned choices, and those that are made and thrown away. */
export function sequencesOf(draft: Draft): number {
  if (!isGenerative(draft)) return 0;
  if (draft.operation === "chat") return choicesOf(draft);
  return draft.prompts.length * Math.max(draft.bestOf ?? 1, draft.choices ?? 1);
}

/** Whether the caller wants the answer as a stream. */
export function wantsStream(draft: Draft): boolean {
  return isGenerative(draft) && draft.stream;
}

/** Whether the caller expects usage in the stream. */
export function wantsStreamUsage(draft: Draft): boolean {
  return isGenerative(draft) && draft.streamUsage;
}
