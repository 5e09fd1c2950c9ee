import type { AttemptRecord, Decision, UnrecordedRefusals, WideEvent } from "../core/wide-event.ts";
import { fieldOf, type LabelsOf, METRICS, type Metric, type MetricName } from "./metrics.ts";

/** One series to raise, by a whole number of its stored unit. */
export interface CounterIncrement {
  readonly field: string;
  readonly by: number;
}

/**
 * What one request adds to the counters of `/metrics`. The ledger applies it once a request id, so a scrape of any isolate sees the
 * same numbers. No field twice, no zero, only whole numbers.
 */
export function countersOf(event: WideEvent): readonly CounterIncrement[] {
  const sums = new Map<string, number>();
  const add = (field: string, by: number): void => {
    if (Number.isFinite(by) && by >= 0.5) sums.set(field, (sums.get(field) ?? 0) + Math.round(by));
  };
  countRequest(event, add);
  for (const attempt of event.attempts) countAttempt(attempt, event, add);
  for (const decision of event.decisions) if (decision.step === "seat") countSeat(decision, event.tier, add);
  for (const refusals of event.unrecorded ?? []) countEnding({ ...refusals, outcome: "refused" }, refusals.count, add);
  return [...sums].map(([field, by]) => ({ field, by }));
}

type Add = (field: string, by: number) => void;

type Ending = Omit<UnrecordedRefusals, "count"> & Pick<WideEvent, "outcome">;

/** The alias is empty where the caller's text named no route: callers cannot make labels. */
const routeOf = ({ alias }: Pick<WideEvent, "alias">): string => (alias === "" ? "none" : alias);

/** What is counted of a request whether or not it has an event of its own. */
function countEnding(ending: Ending, times: number, add: Add): void {
  const { operation, clientWire: wire, tier, outcome, cache, failure, limit } = ending;
  const route = routeOf(ending);
  add(fieldOf("gateway_requests_total", { operation, wire, route, tier, outcome, cache }), times);
  if (failure !== undefined) add(fieldOf("gateway_failures_total", { route, error_type: failure }), times);
  if (limit !== undefined) add(fieldOf("gateway_limit_refusals_total", { ...limit, tier }), times);
}

function countRequest(event: WideEvent, add: Add): void {
  const { operation, tier, outcome, cache } = event;
  const route = routeOf(event);
  countEnding(event, 1, add);
  if (event.attempts.length > 1) add(fieldOf("gateway_fallbacks_total", { route, outcome }), 1);
  const { level, levelChange } = event.routing ?? {};
  if (level !== undefined) add(fieldOf("gateway_degraded_requests_total", { route, level }), 1);
  if (levelChange) add(fieldOf("gateway_degradation_changes_total", { route, ...levelChange }), 1);
  if (outcome === "abandoned") {
    // Nobody knows when it ended, nor who answered.
    add(fieldOf("gateway_abandoned_cost_usd_total", { route, tier }), event.costNanoUsd);
    return;
  }
  observe("gateway_request_duration_seconds", { operation, route, cache }, event.endedAt - event.startedAt, add);
  if (event.firstTokenMs !== undefined && event.backend !== undefined) {
    observe("gateway_first_token_seconds", { route, backend: event.backend }, event.firstTokenMs, add);
  }
}

function countAttempt(attempt: AttemptRecord, event: WideEvent, add: Add): void {
  const { backend, model, outcome, usage } = attempt;
  add(fieldOf("gateway_attempts_total", { backend, model, outcome, error_type: attempt.failure ?? "" }), 1);
  add(fieldOf("gateway_cost_usd_total", { backend, model, tier: event.tier }), attempt.costNanoUsd);
  if (attempt.estimated) add(fieldOf("gateway_estimated_attempts_total", { backend, model }), 1);
  const kinds = {
    input: usage?.inputTokens,
    output: usage?.outputTokens,
    cached_input: usage?.cachedInputTokens,
    cache_write: usage?.cacheWriteTokens,
    reasoning: usage?.reasoningTokens,
  };
  for (const [kind, tokens] of Object.entries(kinds)) {
    if (tokens !== undefined) add(fieldOf("gateway_tokens_total", { backend, model, kind }), tokens);
  }
}

/** The reason is `backend:why`, the place where it sat or left, or why it did not. */
function countSeat({ decision, reason = "", ioMs = 0 }: Decision, tier: string, add: Add): void {
  const [backend = "", why = ""] = reason.split(":");
  add(fieldOf("gateway_seat_requests_total", { backend, tier, outcome: decision === "refused" ? why : decision }), 1);
  if (decision === "seated") observe("gateway_seat_wait_seconds", { backend, tier }, ioMs, add);
}

/** Raises the one bucket that the value falls into (they are summed up when they are printed) and the sum of values. */
function observe<Name extends MetricName>(name: Name, labels: LabelsOf<Name>, milliseconds: number, add: Add): void {
  const { buckets = [], scale = 1 }: Metric = METRICS[name];
  const value = Math.max(0, milliseconds);
  const found = buckets.findIndex((bound) => value <= bound * scale);
  add(fieldOf(name, labels, String(found === -1 ? buckets.length : found)), 1);
  add(fieldOf(name, labels, "sum"), value);
}
