import type { Generation } from "../../operation.ts";
import type { SimulatedUsage } from "../../script.ts";

/** Usage as vLLM serialises it. */
export function usageJson(generation: Generation): Record<string, unknown> {
  const { promptTokens, completionTokens, cachedTokens } = generation;
  return {
    prompt_tokens: promptTokens,
    total_tokens: promptTokens + completionTokens,
    completion_tokens: completionTokens,
    prompt_tokens_details: cachedTokens === undefined ? null : { cached_tokens: cachedTokens },
  };
}

/** The same for the tally. */
export function usageOf(generation: Generation): SimulatedUsage {
  const { promptTokens, completionTokens, cachedTokens } = generation;
  return { promptTokens, completionTokens, ...(cachedTokens === undefined ? {} : { cachedTokens }) };
}

/** vLLM's finish reason of an answer. */
export function finishReason(finish: "stop" | "length" | "stop-sequence" | "tool"): string {
  if (finish === "tool") return "tool_calls";
  return finish === "stop-sequence" ? "stop" : finish;
}
