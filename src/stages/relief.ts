import { type Draft, isGenerative } from "../core/draft.ts";
import type { PlannedAttempt } from "./running-attempt.ts";

/** By which JSON that was asked for may be left: it does not come, or is none. */
const MISSING = ["connect", "first-token", "error"] as const;

/** Whether a step behind it may answer where it gives no answer, or one that breaks off. */
export function isFollowed({ mayFollow, hasNext }: PlannedAttempt): boolean {
  return mayFollow === true && MISSING.some((trigger) => hasNext?.(trigger));
}

/** How long an answer that does not stream may take, and what it is called where it takes longer and the delay budget is why. */
export interface Patience {
  readonly ms: number;
  readonly shared?: "first_token" | "share";
}

/**
 * A whole answer is silent until it is done, so its total time alone bounds it; but where a step stands behind it for silence, half of what is left of the
 * delay budget does, so that the other has as much. What is not generated (vectors, ranks) comes at once, as a first token does.
 */
export function patienceForWhole(planned: PlannedAttempt, draft: Draft): Patience {
  const { deadlines, delayLeftMs, mayFollow, hasNext } = planned;
  const { connectMs, firstTokenMs, totalMs } = deadlines;
  const isRelieved = mayFollow === true && hasNext?.("first-token") === true;
  if (!isRelieved || delayLeftMs === undefined) return { ms: totalMs };
  const shareMs = Math.max(0, delayLeftMs / 2);
  const isSlow = isGenerative(draft);
  const ms = isSlow ? shareMs : Math.min(shareMs, connectMs + firstTokenMs);
  return ms < totalMs ? { ms, shared: isSlow ? "share" : "first_token" } : { ms: totalMs };
}
