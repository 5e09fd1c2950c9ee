import type { Failure } from "../core/failure.ts";

/** No reply came at all: `detail` says to the operator what stood in between. */
export const unreachable = (detail: string): Failure => ({
  type: "backend_unavailable",
  message: "The backend could not be reached.",
  retryAfterMs: 5_000,
  detail,
});
