import type { Failure } from "../core/failure.ts";

/** Where a backend is away and nobody said for how long, the SDKs' own first delay is too short. */
const DEFAULT_RETRY_AFTER_MS = 2_000;

/** The one type word of a failure in a format: status, type, code, and what the format adds. */
export interface Told {
  readonly status: number;
  readonly type: string;
  readonly code: string | null;
  /** False where the SDKs would try again by their own rules, and it could not help. */
  readonly retryable?: boolean;
  readonly param?: string;
}

/**
 * Headers of a failed reply, the same in both formats: the SDKs obey `x-should-retry`, then `retry-after-ms`, then `Retry-After` (whole seconds,
 * rounded up). Values are numbers and fixed words: no text of anyone's reaches a header.
 */
export function failureHeaders(failure: Failure, told: Told): Record<string, string> {
  const retryable = failure.retryable ?? told.retryable;
  const waitMs =
    failure.retryAfterMs ?? (told.status === 503 || told.status === 529 ? DEFAULT_RETRY_AFTER_MS : undefined);
  return {
    "content-type": "application/json",
    ...(retryable !== undefined && { "x-should-retry": String(retryable) }),
    ...(waitMs !== undefined &&
      retryable !== false && {
        "retry-after": String(Math.max(1, Math.ceil(waitMs / 1000))),
        "retry-after-ms": String(Math.max(1, Math.ceil(waitMs))),
      }),
  };
}
