import type { Ask } from "../../operation.ts";
import { logprobsOf } from "../../text/logprobs.ts";

/**
 * Log probabilities as `/v1/completions` reports them: parallel lists, offsets in characters of the answer. Of all tokens, or of the one at `only`;
 * null where they were not asked for.
 */
export function legacyLogprobs(ask: Ask, tokens: readonly string[], only?: number): Record<string, unknown> | null {
  const { logprobs: asked } = ask.body;
  if (typeof asked !== "number") return null;
  let offset = 0;
  const all = tokens.map((token, position) => {
    const place = offset;
    offset += token.length;
    return { place, ...logprobsOf(token, position, asked) };
  });
  const entries = only === undefined ? all : all.slice(only, only + 1);
  return {
    tokens: entries.map(({ token }) => token),
    token_logprobs: entries.map(({ logprob }) => logprob),
    top_logprobs: entries.map(({ top_logprobs: top }) =>
      Object.fromEntries(top.map(({ token, logprob }) => [token, logprob])),
    ),
    text_offset: entries.map(({ place }) => place),
  };
}
