import type { Failure } from "../core/failure.ts";
import { type BackoffRule, backoffMs } from "../lib/backoff.ts";

/** Between two tries of one backend. */
const RULE: BackoffRule = { baseMs: 100, maxMs: 2_000 };
/** Tries of one backend beyond the first. */
const MAX_RETRIES = 2;

export interface RetryInput {
  /** How the last try of this backend ended. */
  readonly failure: Failure;
  /** Tries of this backend beyond the first, so far. */
  readonly retries: number;
  /** Attempts at any backend so far, this one included. */
  readonly attemptsMade: number;
  readonly maxAttempts: number;
  /** What is left of the delay budget, the step's own and the whole. */
  readonly leftMs: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/**
 * How long to wait before the same backend is tried once more, with full jitter; undefined where it should not be. Only two failures
 * are worth it: the connection never stood, or the backend is overloaded and named a time that still fits into the delay budget.
 * Only asked where the failure leads to no other step: while another is left nobody waits. Whether the retry may be sent is the retry budget's word.
 */
export function retryDelayMs(input: RetryInput): number | undefined {
  const { failure, retries, attemptsMade, maxAttempts, leftMs, random } = input;
  if (retries >= MAX_RETRIES || attemptsMade >= maxAttempts) return undefined;
  if (failedToConnect(failure)) {
    const delayMs = backoffMs(RULE, retries, random);
    return delayMs < leftMs ? delayMs : undefined;
  }
  if (failure.type !== "backend_overloaded" || failure.retryAfterMs === undefined) return undefined;
  const delayMs = backoffMs(RULE, retries, random, failure.retryAfterMs);
  return delayMs < leftMs ? delayMs : undefined;
}

/** The transport says `connect` where no connection stood: nothing was sent, so nothing can happen twice. */
function failedToConnect(failure: Failure): boolean {
  return failure.type === "backend_unavailable" && failure.detail === "connect";
}
