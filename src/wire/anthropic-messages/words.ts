import type { FinishReason } from "../../core/answer.ts";
import { isJsonObject, type Json, type JsonObject } from "../../core/json.ts";
import type { Usage } from "../../core/usage.ts";
import { count, given, isList, rest } from "../read.ts";

export const NAME = "anthropic-messages";

const KINDS: Readonly<Record<string, FinishReason["kind"]>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  tool_use: "tool",
  refusal: "refusal",
  pause_turn: "pause",
};

export function decodeFinish(raw: string): FinishReason {
  return { kind: Object.hasOwn(KINDS, raw) ? (KINDS[raw] ?? "other") : "other", raw };
}

/**
 * The backend's own word where it is one of this format; else the nearest of it. Servers of OpenAI's format say `stop` behind a call that was forced,
 * and behind a refusal; here it is the stop reason that clients go by.
 */
export function encodeFinish(
  finish: FinishReason,
  said: { readonly tools: boolean; readonly refusal: boolean },
): string {
  if (Object.hasOwn(KINDS, finish.raw)) return finish.raw;
  if (finish.kind === "stop" && said.tools) return "tool_use";
  if (finish.kind === "stop" && said.refusal) return "refusal";
  switch (finish.kind) {
    case "stop":
    case "other":
      return "end_turn";
    case "length":
      return "max_tokens";
    case "tool":
      return "tool_use";
    case "filter":
    case "refusal":
      return "refusal";
    case "pause":
      return "pause_turn";
  }
}

const KNOWN_USAGE = new Set([
  "input_tokens",
  "output_tokens",
  "cache_read_input_tokens",
  "cache_creation_input_tokens",
  "output_tokens_details",
]);

/** The parts of the input as this format counts them: `input_tokens` is what was neither read from nor written to the prompt cache. */
interface InputParts {
  readonly plain?: number;
  readonly cacheRead?: number;
  readonly cacheWrite?: number;
}

/**
 * Reads the usage reports of one message. They are cumulative, and a later one may leave out what has not changed: the parts are remembered, so
 * that their sum stays whole.
 */
export class UsageReader {
  private parts: InputParts = {};

  read(value: Json | undefined): Usage | undefined {
    if (!isJsonObject(value)) return undefined;
    const told = given({
      plain: count(value.input_tokens),
      cacheRead: count(value.cache_read_input_tokens),
      cacheWrite: count(value.cache_creation_input_tokens),
    });
    this.parts = { ...this.parts, ...told };
    const { plain, cacheRead, cacheWrite } = this.parts;
    const toldInput = Object.keys(told).length > 0 && plain !== undefined;
    const details = isJsonObject(value.output_tokens_details) ? value.output_tokens_details : {};
    const usage: Usage = given({
      inputTokens: toldInput ? plain + (cacheRead ?? 0) + (cacheWrite ?? 0) : undefined,
      outputTokens: count(value.output_tokens),
      cachedInputTokens: told.cacheRead,
      cacheWriteTokens: told.cacheWrite,
      reasoningTokens: count(details.thinking_tokens),
    });
    return Object.keys(usage).length > 0 ? usage : undefined;
  }
}

/** What a usage report says beyond the vocabulary (server tools, service tier, cache lifetimes). */
export function unspokenUsage(value: Json | undefined): JsonObject | undefined {
  return isJsonObject(value) ? rest(value, KNOWN_USAGE) : undefined;
}

/**
 * Usage in this format's parts. It has no way to leave the two counts out, and clients' schemas demand them: what is unknown to us is 0 here, and
 * here alone.
 */
export function encodeUsage(usage: Usage, unspoken: JsonObject = {}): JsonObject {
  const { inputTokens, outputTokens, cachedInputTokens, cacheWriteTokens, reasoningTokens } = usage;
  return {
    ...unspoken,
    input_tokens: Math.max(0, (inputTokens ?? 0) - (cachedInputTokens ?? 0) - (cacheWriteTokens ?? 0)),
    ...given({ cache_read_input_tokens: cachedInputTokens, cache_creation_input_tokens: cacheWriteTokens }),
    output_tokens: outputTokens ?? 0,
    ...(reasoningTokens !== undefined && { output_tokens_details: { thinking_tokens: reasoningTokens } }),
  };
}

const CITATIONS: ReadonlySet<Json | undefined> = new Set([
  "char_location",
  "page_location",
  "content_block_location",
  "web_search_result_location",
  "search_result_location",
]);

/** Whether a citation is of this format: another's points at its sources in another way. */
export function isCitation(citation: Json): boolean {
  return isJsonObject(citation) && CITATIONS.has(citation.type);
}

/**
 * What has no word in the vocabulary, kept for callers of this format: a whole content block, pieces of it (`deltas`, and `inputJson` for
 * the input of a tool that runs at Anthropic), or fields of the message.
 */
export interface Extras {
  readonly block?: JsonObject;
  readonly deltas?: readonly Json[];
  readonly inputJson?: string;
  readonly top?: JsonObject;
}

export function extras(fields: Extras): JsonObject {
  return { wire: NAME, ...fields } as JsonObject;
}

/** The extras in an `other` event or block, if they are this format's. */
export function extrasOf(data: JsonObject): Extras | undefined {
  if (data.wire !== NAME) return undefined;
  const { block, deltas, inputJson, top } = data;
  return given({
    block: isJsonObject(block) ? block : undefined,
    deltas: isList(deltas) ? deltas : undefined,
    inputJson: typeof inputJson === "string" ? inputJson : undefined,
    top: isJsonObject(top) ? top : undefined,
  });
}
