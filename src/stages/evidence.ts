import type { Backend, Route } from "../core/config.ts";
import type { AttemptRecord } from "../core/wide-event.ts";

/** A timeout says something about a backend that had at least this share of its time. */
const FAIR_SHARE = 0.5;

/** How a continuation failed that did not fit what was said before: a model that writes otherwise this time is well all the same. */
export const SEAM = "seam";

/** How an attempt went, as far as it tells of its backend. */
type Ended = Pick<AttemptRecord, "failure" | "detail" | "durationMs">;

/**
 * Whether a delay budget, the step's or the route's, or the other of two that were asked ended it before it had a fair share of the time that it has by
 * itself: a breaker and a desk of seats are shared by all routes, and one route's haste says nothing of a backend that is slow and well.
 */
export function wasHurried({ detail, durationMs }: Ended, backend: Backend, route: Route): boolean {
  const { connectMs, firstTokenMs, totalMs } = { ...backend.deadlines, ...route.deadlines };
  switch (detail) {
    case "headers":
      return durationMs < FAIR_SHARE * Math.min(connectMs, firstTokenMs);
    case "first_token":
      return durationMs < FAIR_SHARE * firstTokenMs;
    case "share":
      return durationMs < FAIR_SHARE * totalMs;
    default:
      return false;
  }
}

/** What may mean that the whole machine is down, and not only that this request met with trouble. */
export function isMachineDown(ended: Ended, backend: Backend, route: Route): boolean {
  const { failure, detail } = ended;
  if (failure === "backend_timeout") return !wasHurried(ended, backend, route);
  return failure === "backend_unavailable" || (failure === "backend_cut" && detail !== SEAM);
}
