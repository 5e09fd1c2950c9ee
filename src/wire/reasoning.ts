import type { ReasoningWish } from "../core/draft.ts";

export type Effort = Exclude<NonNullable<ReasoningWish["effort"]>, "off">;

/**
 * What an effort means in tokens, for formats that count them (Anthropic's `budget_tokens`), and back: the largest effort whose budget is
 * not above the one given. So an effort that went to tokens comes back as itself.
 */
const BUDGETS: Readonly<Record<Effort, number>> = {
  minimal: 1_024,
  low: 2_048,
  medium: 8_192,
  high: 16_384,
  xhigh: 24_576,
  max: 32_768,
};

/** The least that Anthropic takes. */
export const MIN_BUDGET_TOKENS = 1_024;

export function budgetOf(effort: Effort): number {
  return BUDGETS[effort];
}

export function effortOf(budgetTokens: number): Effort {
  let found: Effort = "minimal";
  for (const [effort, budget] of Object.entries(BUDGETS) as [Effort, number][]) {
    if (budget <= budgetTokens) found = effort;
  }
  return found;
}

/** OpenAI's words, which vLLM and Anthropic's `output_config.effort` share as far as they have them. */
export function readEffort(word: string): ReasoningWish["effort"] {
  if (word === "none") return "off";
  return Object.hasOwn(BUDGETS, word) ? (word as Effort) : undefined;
}

export function effortWord(effort: NonNullable<ReasoningWish["effort"]>): string {
  return effort === "off" ? "none" : effort;
}
