import type { FinishReason } from "../../core/answer.ts";
import { isJsonObject, type Json, type JsonObject } from "../../core/json.ts";
import type { Usage } from "../../core/usage.ts";
import { mergeExtra } from "../extra.ts";
import { count, given, rest } from "../read.ts";

export const NAME = "openai-chat";

const KINDS: Readonly<Record<string, FinishReason["kind"]>> = {
  stop: "stop",
  length: "length",
  tool_calls: "tool",
  function_call: "tool",
  content_filter: "filter",
};

/** vLLM's words for a generation that did not come to its end. */
const BROKEN: ReadonlySet<string> = new Set(["abort", "error"]);

export function decodeFinish(raw: string): FinishReason {
  return { kind: Object.hasOwn(KINDS, raw) ? (KINDS[raw] ?? "other") : "other", raw };
}

/** Whether the word says that the choice broke off: such a choice has not finished. */
export function isBroken(raw: string): boolean {
  return BROKEN.has(raw);
}

/** The backend's own word where it is one of this format or of none that we know; else the nearest of this format. */
export function encodeFinish(finish: FinishReason): string {
  if (Object.hasOwn(KINDS, finish.raw)) return finish.raw;
  switch (finish.kind) {
    case "stop":
    case "pause":
      return "stop";
    case "length":
      return "length";
    case "tool":
      return "tool_calls";
    case "filter":
    case "refusal":
      return "content_filter";
    case "other":
      return finish.raw === "" ? "stop" : finish.raw;
  }
}

/** `prompt_tokens` and its kin. What the backend does not say stays unknown; undefined where it says nothing at all. */
export function decodeUsage(value: Json | undefined): Usage | undefined {
  if (!isJsonObject(value)) return undefined;
  const prompt = isJsonObject(value.prompt_tokens_details) ? value.prompt_tokens_details : {};
  const completion = isJsonObject(value.completion_tokens_details) ? value.completion_tokens_details : {};
  const usage: Usage = given({
    inputTokens: count(value.prompt_tokens),
    outputTokens: count(value.completion_tokens),
    cachedInputTokens: count(prompt.cached_tokens),
    cacheWriteTokens: count(prompt.cache_write_tokens),
    reasoningTokens: count(completion.reasoning_tokens),
  });
  return Object.keys(usage).length > 0 ? usage : undefined;
}

const KNOWN_USAGE = new Set([
  "prompt_tokens",
  "completion_tokens",
  "total_tokens",
  "prompt_tokens_details",
  "completion_tokens_details",
]);
const KNOWN_DETAILS = new Set(["cached_tokens", "cache_write_tokens", "reasoning_tokens"]);

/** What a usage report says beyond the vocabulary: audio tokens, accepted predictions. */
export function unspokenUsage(value: Json | undefined): JsonObject | undefined {
  if (!isJsonObject(value)) return undefined;
  const { prompt_tokens_details: prompt, completion_tokens_details: completion } = value;
  const unspoken: JsonObject = {
    ...rest(value, KNOWN_USAGE),
    ...given({
      prompt_tokens_details: isJsonObject(prompt) ? rest(prompt, KNOWN_DETAILS) : undefined,
      completion_tokens_details: isJsonObject(completion) ? rest(completion, KNOWN_DETAILS) : undefined,
    }),
  };
  return Object.keys(unspoken).length > 0 ? unspoken : undefined;
}

/** The other way. A total is told only where both of its parts are known. */
export function encodeUsage(usage: Usage, unspoken: JsonObject = {}): JsonObject {
  const { inputTokens, outputTokens, cachedInputTokens, cacheWriteTokens, reasoningTokens } = usage;
  const prompt = given({ cached_tokens: cachedInputTokens, cache_write_tokens: cacheWriteTokens });
  const completion = given({ reasoning_tokens: reasoningTokens });
  const total = inputTokens === undefined || outputTokens === undefined ? undefined : inputTokens + outputTokens;
  const spoken = {
    ...given({ prompt_tokens: inputTokens, completion_tokens: outputTokens, total_tokens: total }),
    ...(Object.keys(prompt).length > 0 && { prompt_tokens_details: prompt }),
    ...(Object.keys(completion).length > 0 && { completion_tokens_details: completion }),
  };
  return mergeExtra(spoken, unspoken);
}

/** Log probabilities of text and of refusals: clients find both, null where there are none. */
export function encodeLogprobs(value: Json | undefined): Json {
  return isJsonObject(value) ? { content: null, refusal: null, ...value } : null;
}

/** The other way: what is null was not told. */
export function decodeLogprobs(value: Json | undefined): JsonObject | undefined {
  return isJsonObject(value) ? rest(value, NOTHING_KNOWN) : undefined;
}
const NOTHING_KNOWN: ReadonlySet<string> = new Set();

/** What has no word in the vocabulary, kept for callers of the format `wire`, this one or its older sister: fields of the choice, of its message or delta, or of the whole. */
export interface Extras {
  readonly choice?: JsonObject;
  readonly message?: JsonObject;
  readonly top?: JsonObject;
}

export function extras(fields: Extras, wire: string = NAME): JsonObject {
  return { wire, ...fields } as JsonObject;
}

/** The extras in an `other` event or block, if they are that format's. */
export function extrasOf(data: JsonObject, wire: string = NAME): Extras | undefined {
  if (data.wire !== wire) return undefined;
  const { choice, message, top } = data;
  return given({
    choice: isJsonObject(choice) ? choice : undefined,
    message: isJsonObject(message) ? message : undefined,
    top: isJsonObject(top) ? top : undefined,
  });
}
