import fc from "fast-check";
import { expect, test } from "vitest";
import type { Failure, FailureType } from "../../../src/core/failure.ts";
import { type RetryInput, retryDelayMs } from "../../../src/routing/retry.ts";

const noConnection: Failure = { type: "backend_unavailable", message: "", detail: "connect" };
const busy = (retryAfterMs?: number): Failure => ({
  type: "backend_overloaded",
  message: "",
  ...(retryAfterMs !== undefined && { retryAfterMs }),
});

function delay(changes: Partial<RetryInput>): number | undefined {
  return retryDelayMs({
    failure: noConnection,
    retries: 0,
    attemptsMade: 1,
    maxAttempts: 5,
    leftMs: 60_000,
    random: () => 0.5,
    ...changes,
  });
}

// planted: failedToConnect that looks at the type alone
test("a connection that never stood is tried again, an answer that went wrong is not", () => {
  expect(delay({})).toBe(50);
  expect(delay({ retries: 1, attemptsMade: 2 })).toBe(100);
  expect(delay({ failure: { ...noConnection, detail: "status_502" } })).toBeUndefined();
});

test.each<FailureType>([
  "backend_timeout",
  "backend_protocol",
  "backend_cut",
  "backend_unauthorized",
  "backend_rejected",
  "backend_stream_error",
])("%s is not tried again on the same backend", (type) => {
  expect(delay({ failure: { type, message: "", retryAfterMs: 10 } })).toBeUndefined();
});

// planted: the comparison with `leftMs` removed
test("an overloaded backend is asked again when it said and only when that fits into what is left", () => {
  expect(delay({ failure: busy(1_000) })).toBe(1_050);
  expect(delay({ failure: busy(1_000), leftMs: 1_050 })).toBeUndefined();
  expect(delay({ failure: busy(3_600_000) })).toBeUndefined();
  expect(delay({ failure: busy() })).toBeUndefined();
});

// planted: `>` in place of `>=`
test("a retry counts among the attempts", () => {
  expect(delay({ maxAttempts: 3, attemptsMade: 3 })).toBeUndefined();
  expect(delay({ maxAttempts: 3, attemptsMade: 2 })).toBe(50);
  expect(delay({ maxAttempts: 1 })).toBeUndefined();
});

test("the jitter is full: from no wait at all to the whole span, and never before the backend's own time", () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 0.999999, noNaN: true }),
      fc.nat(1),
      fc.nat(5_000),
      (random, retries, retryAfterMs) => {
        const connect = delay({ random: () => random, retries });
        expect(connect).toBe(Math.floor(random * 100 * 2 ** retries));
        const overloaded = delay({ random: () => random, retries, failure: busy(retryAfterMs) });
        expect(overloaded).toBeGreaterThanOrEqual(retryAfterMs);
      },
    ),
  );
});
