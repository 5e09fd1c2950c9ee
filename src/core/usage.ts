/**
 * Tokens of one answer, in tokens. A count that nobody reported is undefined; an explicit zero stays zero.
 * Counts are cumulative: a later report replaces an earlier one field by field.
 */
export interface Usage {
  /** All input tokens, cached ones included (OpenAI counts so; Anthropic's parts are added up by its wire). */
  readonly inputTokens?: number;
  /** All output tokens, reasoning included. */
  readonly outputTokens?: number;
  /** The part of `inputTokens` that was read from a prompt cache. */
  readonly cachedInputTokens?: number;
  /** The part of `inputTokens` that was written to a prompt cache (Anthropic). */
  readonly cacheWriteTokens?: number;
  /** The part of `outputTokens` that was spent on reasoning. */
  readonly reasoningTokens?: number;
}

/** The later report wins field by field; what it does not say is kept. */
export function mergeUsage(earlier: Usage | undefined, later: Usage): Usage {
  return { ...earlier, ...later };
}
