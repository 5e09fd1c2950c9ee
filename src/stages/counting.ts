import type { Route } from "../core/config.ts";
import type { Admitted, LiveAnswer } from "../core/exchange.ts";
import type { Failure } from "../core/failure.ts";
import type { Price } from "../core/money.ts";
import { ok, type Result } from "../core/result.ts";

/** A count is asked for before the question it is about: it has to be quick or it is of no use. */
export const COUNT_DEADLINE_MS = 2_000;

const FREE: Price = { inputPerMillion: 0, outputPerMillion: 0 };

const known = new WeakMap<Route, Route>();

/**
 * What a chat route means to a request that only counts: one try at the target that would be asked first, within a deadline of its own,
 * without a price, a cache or a limit to the input. A target whose backend cannot count is passed over like one that cannot answer.
 */
export function countingRoute(route: Route): Route {
  const before = known.get(route);
  if (before) return before;
  const counting: Route = {
    ...route,
    operation: "tokenize",
    targets: route.targets.map((target) => ({ ...target, price: FREE })),
    fallbacks: [],
    maxOutputTokens: 0,
    maxInputTokens: Number.MAX_SAFE_INTEGER,
    cache: { mode: "off", ttlSeconds: 0 },
    delayBudgetMs: COUNT_DEADLINE_MS,
    maxAttempts: 1,
    deadlines: { ...route.deadlines, firstTokenMs: COUNT_DEADLINE_MS, totalMs: COUNT_DEADLINE_MS },
  };
  known.set(route, counting);
  return counting;
}

/**
 * Counting fails soft: where no backend could count, our own estimate answers, and says so. Not where the provider whose format the caller
 * speaks refused the request, as it would refuse the question itself; nor where the caller has gone.
 */
export function orEstimate(exchange: Admitted, found: Result<LiveAnswer>): Result<LiveAnswer> {
  if (found.ok || exchange.draft.operation !== "tokenize" || isCallers(found.failure, exchange)) return found;
  exchange.notes.decisions.push({ step: "count", decision: "estimated", reason: found.failure.detail ?? "" });
  return ok({
    kind: "whole",
    wire: exchange.wire,
    origin: { backend: "none", model: exchange.route.alias, chosenTarget: false, cached: false },
    answer: {
      operation: "tokenize",
      model: exchange.route.alias,
      inputTokens: exchange.inputTokens,
      estimated: true,
    },
  });
}

function isCallers(failure: Failure, { notes, wire }: Admitted): boolean {
  if (failure.type === "caller_cancelled" || failure.type === "policy_refused") return true;
  const isSameFormat = notes.attempts.at(-1)?.wire === wire.name;
  return failure.type === "backend_rejected" && failure.status !== 404 && isSameFormat;
}
