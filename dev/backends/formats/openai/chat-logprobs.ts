import type { Ask } from "../../operation.ts";
import { logprobsOf, type TokenLogprobs } from "../../text/logprobs.ts";

/** The log probabilities of these text tokens as chat reports them; null where they were not asked for. `first` is the place of the first of them. */
export function contentLogprobs(
  ask: Ask,
  tokens: readonly string[],
  first = 0,
): { readonly content: readonly TokenLogprobs[]; readonly refusal: null } | null {
  if (ask.body.logprobs !== true) return null;
  const { top_logprobs: asked } = ask.body;
  const alternatives = typeof asked === "number" ? asked : 0;
  return { content: tokens.map((token, index) => logprobsOf(token, first + index, alternatives)), refusal: null };
}
