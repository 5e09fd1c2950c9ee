import type { FinishReason } from "../../core/answer.ts";
import { isJsonObject, type Json, type JsonObject } from "../../core/json.ts";
import type { Usage } from "../../core/usage.ts";
import { mergeExtra } from "../extra.ts";
import { count, given, isList, rest } from "../read.ts";

export const NAME = "openai-responses";

const INCOMPLETE_KINDS: Readonly<Record<string, FinishReason["kind"]>> = {
  max_output_tokens: "length",
  content_filter: "filter",
};

/** How a response ended. The format has no word of its own for a turn that ends in calls: `called` says whether it holds one. */
export function decodeFinish(
  status: "completed" | "incomplete",
  details: Json | undefined,
  called: boolean,
): FinishReason {
  if (status === "completed") return { kind: called ? "tool" : "stop", raw: status };
  const reason = isJsonObject(details) && typeof details.reason === "string" ? details.reason : status;
  return {
    kind: Object.hasOwn(INCOMPLETE_KINDS, reason) ? (INCOMPLETE_KINDS[reason] ?? "other") : "other",
    raw: reason,
  };
}

export interface Ending {
  readonly status: "completed" | "incomplete";
  readonly reason?: string;
}

/** The other way: a status, and for what is incomplete the reason, where the format has one. */
export function encodeFinish({ kind, raw }: FinishReason): Ending {
  if (Object.hasOwn(INCOMPLETE_KINDS, raw)) return { status: "incomplete", reason: raw };
  if (raw === "incomplete") return { status: "incomplete" };
  switch (kind) {
    case "length":
      return { status: "incomplete", reason: "max_output_tokens" };
    case "filter":
    case "refusal":
      return { status: "incomplete", reason: "content_filter" };
    case "stop":
    case "tool":
    case "pause":
    case "other":
      return { status: "completed" };
  }
}

/** `input_tokens` and its kin. What the backend does not say stays unknown; undefined where it says nothing at all. */
export function decodeUsage(value: Json | undefined): Usage | undefined {
  if (!isJsonObject(value)) return undefined;
  const input = isJsonObject(value.input_tokens_details) ? value.input_tokens_details : {};
  const output = isJsonObject(value.output_tokens_details) ? value.output_tokens_details : {};
  const usage: Usage = given({
    inputTokens: count(value.input_tokens),
    outputTokens: count(value.output_tokens),
    cachedInputTokens: count(input.cached_tokens),
    cacheWriteTokens: count(input.cache_write_tokens),
    reasoningTokens: count(output.reasoning_tokens),
  });
  return Object.keys(usage).length > 0 ? usage : undefined;
}

const KNOWN_USAGE = new Set([
  "input_tokens",
  "input_tokens_details",
  "output_tokens",
  "output_tokens_details",
  "total_tokens",
]);
const KNOWN_DETAILS = new Set(["cached_tokens", "cache_write_tokens", "reasoning_tokens"]);

/** What a usage report says beyond the vocabulary. */
export function unspokenUsage(value: Json | undefined): JsonObject | undefined {
  if (!isJsonObject(value)) return undefined;
  const { input_tokens_details: input, output_tokens_details: output } = value;
  const unspoken: JsonObject = {
    ...rest(value, KNOWN_USAGE),
    ...given({
      input_tokens_details: isJsonObject(input) ? rest(input, KNOWN_DETAILS) : undefined,
      output_tokens_details: isJsonObject(output) ? rest(output, KNOWN_DETAILS) : undefined,
    }),
  };
  return Object.keys(unspoken).length > 0 ? unspoken : undefined;
}

/** Usage as this format reports it. Its schema demands every count: what is unknown to us is 0 here, and here alone. */
export function encodeUsage(usage: Usage, unspoken: JsonObject = {}): JsonObject {
  const { inputTokens = 0, outputTokens = 0, cachedInputTokens = 0, cacheWriteTokens = 0, reasoningTokens = 0 } = usage;
  const spoken = {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: cachedInputTokens, cache_write_tokens: cacheWriteTokens },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens },
    total_tokens: inputTokens + outputTokens,
  };
  return mergeExtra(spoken, unspoken);
}

/** Log probabilities in the vocabulary's form, which is that of OpenAI's chat. */
export function logprobsOf(tokens: readonly Json[]): JsonObject {
  return { content: tokens, refusal: null };
}

/** The other way. Here a token's bytes are always told; a backend of chats may leave them to its reader. */
export function encodeLogprobs(logprobs: Json): readonly Json[] {
  const tokens = isJsonObject(logprobs) && isList(logprobs.content) ? logprobs.content : [];
  return tokens.map((token) => {
    if (!isJsonObject(token)) return token;
    const others = isList(token.top_logprobs) ? token.top_logprobs : [];
    return {
      ...withBytes(token),
      top_logprobs: others.map((other) => (isJsonObject(other) ? withBytes(other) : other)),
    };
  });
}

function withBytes(token: JsonObject): JsonObject {
  if (isList(token.bytes)) return token;
  return { ...token, bytes: [...new TextEncoder().encode(String(token.token ?? ""))] };
}

/** Output items have indexes, and parts of them again: together they are the position of a block. */
const PARTS = 64;

/** The position of a content or summary part; `half` keeps the parts of a reasoning's content apart from those of its summary. */
export function blockAt(item: Json | undefined, part: Json | undefined, half: 0 | 1 = 0): number {
  return (count(item) ?? 0) * PARTS + half * (PARTS / 2) + Math.min(count(part) ?? 0, PARTS / 2 - 1);
}

/** What has no word in the vocabulary, kept for callers of this format: a whole output item, or fields of the response. */
export interface Extras {
  readonly block?: JsonObject;
  readonly top?: JsonObject;
}

export function extras(fields: Extras): JsonObject {
  return { wire: NAME, ...fields } as JsonObject;
}

/** The extras in an `other` event or block, if they are this format's. */
export function extrasOf(data: JsonObject): Extras | undefined {
  if (data.wire !== NAME) return undefined;
  const { block, top } = data;
  return given({ block: isJsonObject(block) ? block : undefined, top: isJsonObject(top) ? top : undefined });
}
