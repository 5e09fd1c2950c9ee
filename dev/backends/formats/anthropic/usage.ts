import type { Generation } from "../../operation.ts";
import type { CacheUse } from "../../prompt-caches.ts";
import type { SimulatedUsage } from "../../script.ts";

/** Usage as Anthropic serialises it: what was read from or written to the cache is counted beside the input, not within it. */
export function usageJson(generation: Generation, cache: CacheUse, outputTokens: number): Record<string, unknown> {
  const written = cache.written5m + cache.written1h;
  return {
    input_tokens: generation.promptTokens - cache.read - written,
    cache_creation_input_tokens: written,
    cache_read_input_tokens: cache.read,
    cache_creation:
      written > 0
        ? {
            ephemeral_5m_input_tokens: cache.written5m,
            ephemeral_1h_input_tokens: cache.written1h,
          }
        : null,
    output_tokens: outputTokens,
    output_tokens_details: detailsOf(generation),
    server_tool_use: null,
    service_tier: "standard",
    speed: null,
    inference_geo: null,
  };
}

/** The report at a stream's end: all of it once more, but for what the opening has said for good. */
export function closingUsageJson(generation: Generation, cache: CacheUse, outputTokens: number): object {
  const { service_tier: _, speed: __, inference_geo: ___, ...usage } = usageJson(generation, cache, outputTokens);
  return usage;
}

const detailsOf = ({ reasoningTokens }: Generation) =>
  reasoningTokens === undefined ? null : { thinking_tokens: reasoningTokens };

/** The same for the tally, in which the prompt's tokens are all of them. */
export function usageOf(generation: Generation, cache: CacheUse, completionTokens: number): SimulatedUsage {
  const { promptTokens, reasoningTokens } = generation;
  const written = cache.written5m + cache.written1h;
  return {
    promptTokens,
    completionTokens,
    ...(cache.read > 0 ? { cachedTokens: cache.read } : {}),
    ...(written > 0 ? { cacheCreationTokens: written } : {}),
    ...(reasoningTokens === undefined ? {} : { reasoningTokens }),
  };
}
