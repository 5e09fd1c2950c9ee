import type { FinishReason } from "../../core/answer.ts";
import { isJsonObject, type Json, type JsonObject } from "../../core/json.ts";
import type { Usage } from "../../core/usage.ts";
import { count, given } from "../read.ts";

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

/** The other way. A total is told only where both of its parts are known. `raw` is the same report in this format's own words, with what has no word here. */
export function encodeUsage(usage: Usage, raw: JsonObject = {}): JsonObject {
  const { inputTokens, outputTokens, cachedInputTokens, cacheWriteTokens, reasoningTokens } = usage;
  const prompt = given({ cached_tokens: cachedInputTokens, cache_write_tokens: cacheWriteTokens });
  const completion = given({ reasoning_tokens: reasoningTokens });
  const total = inputTokens === undefined || outputTokens === undefined ? undefined : inputTokens + outputTokens;
  return {
    ...raw,
    ...given({ prompt_tokens: inputTokens, completion_tokens: outputTokens, total_tokens: total }),
    ...details("prompt_tokens_details", raw, prompt),
    ...details("completion_tokens_details", raw, completion),
  };
}

function details(key: string, raw: JsonObject, known: JsonObject): JsonObject {
  if (Object.keys(known).length === 0) return {};
  const other = raw[key];
  return { [key]: isJsonObject(other) ? { ...other, ...known } : known };
}

/** What has no word in the vocabulary, kept for callers of this format: fields of the choice, of its message or delta, or of the whole. */
export interface Extras {
  readonly choice?: JsonObject;
  readonly message?: JsonObject;
  readonly top?: JsonObject;
}

export function extras(fields: Extras): JsonObject {
  return { wire: NAME, ...fields } as JsonObject;
}

/** The extras in an `other` event or block, if they are this format's. */
export function extrasOf(data: JsonObject): Extras | undefined {
  if (data.wire !== NAME) return undefined;
  const { choice, message, top } = data;
  return given({
    choice: isJsonObject(choice) ? choice : undefined,
    message: isJsonObject(message) ? message : undefined,
    top: isJsonObject(top) ? top : undefined,
  });
}
