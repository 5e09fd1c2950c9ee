import type { Failure } from "../core/failure.ts";
import type { Trigger } from "../core/triggers.ts";
import { triggerOf } from "../routing/triggers.ts";

/** What is told where nobody could be asked. */
export const NOBODY: Failure = {
  type: "backend_unavailable",
  message: "No backend is available for this model.",
  retryAfterMs: 5_000,
  detail: "no_backend",
};

/**
 * What the caller is told at the end. That something was tried and failed says more than that a format did not fit. What a filter or a context said
 * was about the request, and stands whatever befell those who were asked in its place: a 503 would have the client send it again.
 */
export function moreTelling(earlier: Failure, later: Failure): Failure {
  const said = triggerOf(earlier);
  if (said === "filter" || (said === "context" && later.type !== "backend_rejected")) return earlier;
  return triggerOf(later) === "format" && earlier !== NOBODY ? earlier : later;
}

/** The request was refused, and only the one who sent it or a step that is meant for it may mend that. */
export function isRefusal(trigger: Trigger | undefined): boolean {
  return trigger === "context" || trigger === "filter";
}
