import type { JsonObject } from "../../json.ts";
import type { Generation } from "../../operation.ts";
import type { SimulatedUsage } from "../../script.ts";

/** Usage as vLLM serialises it. */
export function usageJson(generation: Generation): Record<string, unknown> {
  const { promptTokens, completionTokens, cachedTokens, reasoningTokens } = generation;
  return {
    prompt_tokens: promptTokens,
    total_tokens: promptTokens + completionTokens,
    completion_tokens: completionTokens,
    prompt_tokens_details: cachedTokens === undefined ? null : { cached_tokens: cachedTokens },
    ...(reasoningTokens === undefined ? {} : { completion_tokens_details: { reasoning_tokens: reasoningTokens } }),
  };
}

/** The same for the tally. */
export function usageOf(generation: Generation): SimulatedUsage {
  const { promptTokens, completionTokens, cachedTokens, reasoningTokens } = generation;
  return {
    promptTokens,
    completionTokens,
    ...(cachedTokens === undefined ? {} : { cachedTokens }),
    ...(reasoningTokens === undefined ? {} : { reasoningTokens }),
  };
}

/** The tier that answered: the one asked for, `default` for `auto`; null where none was asked for. */
export function serviceTierOf(body: JsonObject): string | null {
  if (typeof body.service_tier !== "string") return null;
  return body.service_tier === "auto" ? "default" : body.service_tier;
}

/** vLLM's finish reason of an answer. */
export function finishReason(finish: "stop" | "length" | "stop-sequence" | "tool"): string {
  if (finish === "tool") return "tool_calls";
  return finish === "stop-sequence" ? "stop" : finish;
}
