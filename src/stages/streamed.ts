import type { Backend } from "../core/config.ts";
import { isGenerative } from "../core/draft.ts";
import type { Resolved } from "../core/exchange.ts";

/** What of a step decides whether it is asked for a stream. */
export interface StreamingStep {
  /** Whether its format knows streams. */
  readonly streams: boolean;
  readonly collectJson: Backend["collectJson"];
  readonly totalMs: number;
  /** Whether a step behind it may answer where it gives no answer, or one that breaks off. */
  readonly isFollowed: boolean;
}

/** Whether the backend is asked for a stream, whatever the caller wants. */
export function isStreamed(
  { streams, collectJson, totalMs, isFollowed }: StreamingStep,
  { draft, route, maxOutputTokens = 0 }: Pick<Resolved, "draft" | "route" | "maxOutputTokens">,
): boolean {
  if (!streams || !isGenerative(draft)) return false;
  // Of two that are asked, the one with the first token wins: it has to be seen.
  if (draft.stream || collectJson === "always" || route.hedge) return true;
  // The first token bounds a stream's silence; JSON is silent until it is done.
  if (isFollowed && collectJson !== "never") return true;
  // At a slow 10 tokens a second, would the answer outlast a proxy's patience with silence?
  return collectJson === "overDeadline" && maxOutputTokens * 100 > Math.min(totalMs, 90_000);
}
