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

/** A 404 that does not name our model may be of a thing that the caller named: another may know it, and a caller must not open what all share. */
export function isOfCaller({ failure, detail }: Ended): boolean {
  return failure === "backend_unavailable" && detail?.startsWith("status_404") === true;
}

/** Of a machine that runs: without the model that was asked for, or without credit. */
const RUNNING: ReadonlySet<string | undefined> = new Set(["model_not_found", "backend_quota"]);

/** What may mean that the whole machine is down, and not only that this request met with trouble. */
export function isMachineDown(ended: Ended, backend: Backend, route: Route): boolean {
  const { failure, detail } = ended;
  if (failure === "backend_timeout") return !wasHurried(ended, backend, route);
  if (failure === "backend_unavailable") return !isOfCaller(ended) && !RUNNING.has(detail);
  return failure === "backend_cut" && detail !== SEAM;
}
