import type { Backend } from "../core/config.ts";
import { isGenerative } from "../core/draft.ts";
import type { Resolved } from "../core/exchange.ts";
import { isJsonObject, type JsonObject } from "../core/json.ts";

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
  { draft, body, route, maxOutputTokens = 0 }: Pick<Resolved, "draft" | "body" | "route" | "maxOutputTokens">,
): boolean {
  if (!streams || !isGenerative(draft) || (!draft.stream && isOnlyWhole(body.value))) return false;
  // Of two that are asked, the one with the first token wins: it has to be seen.
  if (draft.stream || collectJson === "always" || route.hedge) return true;
  // The first token bounds a stream's silence; JSON is silent until it is done.
  if (isFollowed && collectJson !== "never") return true;
  // At a slow 10 tokens a second, would the answer outlast a proxy's patience with silence?
  return collectJson === "overDeadline" && maxOutputTokens * 100 > Math.min(totalMs, 90_000);
}

/** What a request may ask for that no stream can hold, and that backends refuse to one who asks for both. */
function isOnlyWhole({ prompt_logprobs, audio, best_of, use_beam_search }: JsonObject): boolean {
  return (
    // vLLM: the prompt's own probabilities come with whole answers alone.
    (typeof prompt_logprobs === "number" && prompt_logprobs >= 0) ||
    // OpenAI streams sound as `pcm16` and in no other format.
    (isJsonObject(audio) && audio.format !== "pcm16") ||
    // Completions: the best of several is known when all are done.
    (typeof best_of === "number" && best_of > 1) ||
    use_beam_search === true
  );
}
