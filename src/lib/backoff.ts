export interface BackoffRule {
  /** The span of the first delay. */
  readonly baseMs: number;
  /** The span of any delay; a backend's own wish may be longer. */
  readonly maxMs: number;
}

/**
 * How long to wait before try number `attempt` + 2 (`attempt` counts the failed tries from 0). Full jitter: anywhere in
 * `[0, min(maxMs, baseMs · 2^attempt))` (Brooker, "Exponential Backoff and Jitter", AWS 2015). A backend that named a time is not asked before it,
 * and its clients do not all come back in the same millisecond. `random` is in [0, 1).
 */
export function backoffMs(rule: BackoffRule, attempt: number, random: () => number, retryAfterMs?: number): number {
  const span = Math.min(rule.maxMs, rule.baseMs * 2 ** Math.min(attempt, 30));
  return Math.floor(random() * span) + (retryAfterMs ?? 0);
}

/** Nobody is told to wait longer than this, whatever a backend says. */
export const MAX_RETRY_AFTER_MS = 3_600_000;

/** Only a real date: `Date.parse` takes nearly anything with a number in it. */
const HTTP_DATE = /^[A-Z][a-z]{2,8}, \d{2}[ -][A-Z][a-z]{2}[ -]\d{2,4} \d{2}:\d{2}:\d{2} GMT$/;

/**
 * The wait that a reply asks for, in milliseconds from `nowMs`: `retry-after-ms`, else `Retry-After` as seconds or HTTP date (RFC 9110 §10.2.3),
 * at most an hour. What is past is 0, what cannot be read is undefined.
 */
export function retryAfterMsOf(headers: { get(name: string): string | null }, nowMs: number): number | undefined {
  const milliseconds = decimal(headers.get("retry-after-ms"));
  if (milliseconds !== undefined) return bounded(milliseconds);
  const value = headers.get("retry-after")?.trim();
  const seconds = decimal(value);
  if (seconds !== undefined) return bounded(seconds * 1000);
  if (!value || !HTTP_DATE.test(value)) return undefined;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : bounded(date - nowMs);
}

function decimal(value: string | null | undefined): number | undefined {
  return value && /^\s*\d{1,300}(\.\d{1,20})?\s*$/.test(value) ? Number(value) : undefined;
}

function bounded(waitMs: number): number {
  return Math.min(MAX_RETRY_AFTER_MS, Math.max(0, Math.ceil(waitMs)));
}
