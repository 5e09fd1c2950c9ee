import type { ChatDraft } from "../../core/draft.ts";
import type { JsonObject } from "../../core/json.ts";
import { given } from "../read.ts";
import { budgetOf, MIN_BUDGET_TOKENS } from "../reasoning.ts";
import { anthropicSignature } from "../signatures.ts";
import type { Draftsman } from "../translations.ts";

/**
 * The wish to reason as `thinking`. An effort becomes a budget of at most half of the answer's tokens, which it is a part of. The format refuses
 * thinking beside some of what a caller may have asked for; there the wish is dropped, because it is a wish and the other a demand.
 */
export function encodeThinking(draft: ChatDraft, maxTokens: number, draftsman: Draftsman): JsonObject | undefined {
  const { reasoning } = draft;
  if (!reasoning) return undefined;
  if (reasoning.effort === "off") {
    draftsman.note("reasoning", "mapped");
    return { type: "disabled" };
  }
  const display = given({
    display: reasoning.summary === "summarized" || reasoning.summary === "omitted" ? reasoning.summary : undefined,
  });
  if (isRefusedBeside(draft, draftsman)) {
    draftsman.note("reasoning", "dropped");
    return undefined;
  }
  const { budgetTokens, effort } = reasoning;
  if (budgetTokens !== undefined) return { type: "enabled", budget_tokens: budgetTokens, ...display };
  if (effort === undefined) return { type: "adaptive", ...display };
  const budget = Math.min(budgetOf(effort), Math.floor(maxTokens / 2));
  draftsman.note("reasoning", budget < MIN_BUDGET_TOKENS ? "dropped" : "mapped");
  return budget < MIN_BUDGET_TOKENS ? undefined : { type: "enabled", budget_tokens: budget, ...display };
}

/** Sampling of the caller's own, a forced tool, or a turn in the middle of tool calls whose reasoning has no signature of this provider's. */
function isRefusedBeside(draft: ChatDraft, { attempt }: Draftsman): boolean {
  const { temperature, topK, topP, toolChoice } = draft;
  if (attempt.clientWire === "anthropic-messages") return false;
  const isForced = toolChoice?.kind === "required" || toolChoice?.kind === "named";
  const isSampled = (temperature ?? 1) !== 1 || topK !== undefined || (topP ?? 1) < 0.95;
  const lastTurn = draft.messages.findLast(({ role }) => role === "assistant")?.content ?? [];
  const isSigned = lastTurn.some((block) => block.type === "reasoning" && anthropicSignature(block.signature));
  return isForced || isSampled || (draft.messages.at(-1)?.role === "tool" && !isSigned);
}
