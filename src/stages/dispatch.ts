import type { Admitted, LiveAnswer } from "../core/exchange.ts";
import { type Failure, isFallbackWorthy, UNTRANSLATABLE } from "../core/failure.ts";
import { fail, type Result } from "../core/result.ts";
import { within } from "../routing/plan.ts";
import { retryDelayMs } from "../routing/retry.ts";
import { attempt } from "./attempt.ts";
import type { Gateway } from "./gateway.ts";
import { CANCELLED, type PlannedAttempt } from "./running-attempt.ts";

/**
 * Walks the attempts in order until one gives its first real token. Each is built from the same untouched exchange.
 * The last failure is the caller's; one that another backend cannot mend (a 400) ends the walk at once.
 */
export async function dispatch(
  exchange: Admitted,
  attempts: readonly PlannedAttempt[],
  gateway: Gateway,
): Promise<Result<LiveAnswer>> {
  const { route, notes, departure } = exchange;
  const startedAt = gateway.clock.now();
  let last: Failure = {
    type: "backend_unavailable",
    message: "No backend is available for this model.",
    retryAfterMs: 5_000,
    detail: "no_backend",
  };
  for (const [index, planned] of attempts.entries()) {
    if (departure.gone) return fail(CANCELLED);
    for (let retries = 0; ; retries++) {
      const spentMs = gateway.clock.now() - startedAt;
      const deadlines = within(planned.deadlines, route.delayBudgetMs - spentMs);
      const tried = await attempt({ ...planned, deadlines }, exchange, gateway);
      const ioMs = gateway.clock.now() - startedAt - spentMs;
      if (tried.ok) {
        notes.decisions.push({ step: "dispatch", decision: "answered", reason: planned.backend.name, ioMs });
        return tried;
      }
      if (departure.gone) return fail(CANCELLED);
      last = moreTelling(last, tried.failure);
      notes.decisions.push({
        step: "dispatch",
        decision: tried.failure.type,
        reason: `${planned.backend.name}${tried.failure.detail ? `:${tried.failure.detail}` : ""}`,
        ioMs,
      });
      if (!isFallbackWorthy(tried.failure) && !(cannotSay(tried.failure) && index + 1 < attempts.length)) return tried;
      const leftMs = route.delayBudgetMs - (gateway.clock.now() - startedAt);
      if (leftMs <= 0) return fail(last);
      const delayMs = retryDelayMs({
        failure: tried.failure,
        retries,
        attemptsMade: notes.attempts.length,
        maxAttempts: route.maxAttempts,
        othersLeft: attempts.length - index - 1,
        leftMs,
        random: () => gateway.chance.random(),
      });
      if (delayMs === undefined) break;
      await pause(delayMs, exchange);
    }
  }
  return fail(last);
}

/** A draft that this backend's format cannot say, while another's may. */
function cannotSay(failure: Failure): boolean {
  return failure.type === "caller_bad_request" && failure.detail === UNTRANSLATABLE;
}

/** What the caller is told at the end: that something was tried and failed says more than that a format did not fit. */
function moreTelling(earlier: Failure, later: Failure): Failure {
  return cannotSay(later) && earlier.detail !== "no_backend" ? earlier : later;
}

function pause(delayMs: number, { alarm, departure }: Admitted): Promise<void> {
  return new Promise((resolve) => {
    alarm.after(delayMs, resolve);
    // Resolving twice is harmless.
    departure.onGone(resolve);
  });
}
