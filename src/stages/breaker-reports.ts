import { breakerName, byHand } from "../core/breaker.ts";
import type { Backend, Route } from "../core/config.ts";
import type { Admitted } from "../core/exchange.ts";
import type { BreakerReport } from "../core/ports.ts";
import type { AttemptRecord } from "../core/wide-event.ts";
import { fieldOf } from "../telemetry/metrics.ts";
import type { Gateway } from "./gateway.ts";

/** A timeout says something about a backend that had at least this share of its time. */
const FAIR_SHARE = 0.5;

/**
 * What the attempts of a request say about the health of what they asked, for the isolate's view and for Redis. Each breaker's last word
 * counts. A client's departure, overload (the backend's or our own) and the caller's own mistakes say nothing; that another was quicker says nothing
 * of one that had less than its fair share of time.
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
    const isWord = attempt.outcome === "completed" || isUnwell(attempt, backend, route);
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

function isUnwell(attempt: AttemptRecord, backend: Backend, route: Route): boolean {
  const { outcome, failure, detail } = attempt;
  // Lost to another while it was silent: as good as a timeout, where it had the time.
  if (outcome === "cancelled" && failure === undefined && detail !== undefined)
    return !wasHurried(attempt, backend, route);
  if (outcome !== "failed" || failure?.startsWith("backend_") !== true) return false;
  if (failure === "backend_overloaded" || failure === "backend_rejected") return false;
  return failure !== "backend_timeout" || !wasHurried(attempt, backend, route);
}

/**
 * Whether a delay budget, the step's or the route's, or the other of two that were asked ended it before it had a fair share of the time that it has by itself: a breaker is shared by
 * all routes, and one route's haste says nothing of a backend that is slow and well.
 */
function wasHurried({ detail, durationMs }: AttemptRecord, backend: Backend, route: Route): boolean {
  if (detail !== "headers" && detail !== "first_token") return false;
  const { connectMs, firstTokenMs } = { ...backend.deadlines, ...route.deadlines };
  return durationMs < FAIR_SHARE * (detail === "headers" ? Math.min(connectMs, firstTokenMs) : firstTokenMs);
}
