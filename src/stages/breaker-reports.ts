import { breakerName, byHand } from "../core/breaker.ts";
import type { Backend, Route } from "../core/config.ts";
import type { Admitted } from "../core/exchange.ts";
import type { BreakerReport } from "../core/ports.ts";
import type { AttemptRecord } from "../core/wide-event.ts";
import { within } from "../routing/plan.ts";
import { fieldOf } from "../telemetry/metrics.ts";
import type { Gateway } from "./gateway.ts";

/** A timeout says something about a backend that had at least this share of its time. */
const FAIR_SHARE = 0.5;

/**
 * What the attempts of a request say about the health of what they asked, for the isolate's view and for Redis. Each breaker's last word
 * counts. A client's departure, overload (the backend's or our own) and the caller's own mistakes say nothing.
 */
export function breakerReports(exchange: Admitted, gateway: Gateway): readonly BreakerReport[] {
  const { config, route, notes, draft, shared, requestId } = exchange;
  // Counting has a deadline of its own and says nothing about how well a backend answers.
  if (draft.operation === "tokenize") return [];
  const last = new Map<string, readonly [AttemptRecord, Backend]>();
  for (const attempt of notes.attempts) {
    const backend = config.backends[attempt.backend];
    const target = { backend: attempt.backend, model: { name: attempt.model } };
    if (!backend || byHand(config, target) !== undefined) continue;
    const isWord = attempt.outcome === "completed" || isUnwell(attempt, backend, route, notes.attempts);
    if (isWord) last.set(breakerName(attempt.backend, attempt.model), [attempt, backend]);
  }
  const now = gateway.clock.now();
  return [...last].flatMap(([name, [{ outcome, startedAt, model }, { name: backend, breaker }]]) => {
    const healthy = outcome === "completed";
    const holdsProbe = shared.probes?.includes(name) === true;
    const successes = gateway.breakers.report(name, { healthy, beganAt: startedAt, requestId }, holdsProbe);
    if (successes === undefined) return [];
    const counter = fieldOf("gateway_breaker_openings_total", { backend, model, cause: "" });
    return [{ name, healthy, ageMs: Math.max(0, now - startedAt), successes, rules: breaker, counter }];
  });
}

function isUnwell(attempt: AttemptRecord, backend: Backend, route: Route, attempts: readonly AttemptRecord[]): boolean {
  const { outcome, failure } = attempt;
  if (outcome !== "failed" || failure?.startsWith("backend_") !== true) return false;
  if (failure === "backend_overloaded" || failure === "backend_rejected") return false;
  return failure !== "backend_timeout" || !wasHurried(attempt, backend, route, attempts);
}

/** Whether those before it had used up the time that it would have had: what was too late then is the budget's end, and not the backend's. */
function wasHurried(
  { ordinal, detail, startedAt, durationMs }: AttemptRecord,
  backend: Backend,
  route: Route,
  attempts: readonly AttemptRecord[],
): boolean {
  if (ordinal === 0 || (detail !== "headers" && detail !== "first_token")) return false;
  const own = within({ ...backend.deadlines, ...route.deadlines }, route.delayBudgetMs);
  const fairMs = FAIR_SHARE * (detail === "headers" ? own.connectMs : own.firstTokenMs);
  const firstAt = attempts.reduce((earliest, one) => Math.min(earliest, one.startedAt), startedAt);
  // Timers are a little early or late.
  return durationMs < fairMs && startedAt + durationMs - firstAt >= 0.95 * route.delayBudgetMs;
}
