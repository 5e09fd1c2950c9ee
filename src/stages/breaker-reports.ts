import { breakerName, byHand } from "../core/breaker.ts";
import { type Backend, modelNameOf, type Route, type Target } from "../core/config.ts";
import type { Admitted } from "../core/exchange.ts";
import type { BreakerReport } from "../core/ports.ts";
import type { AttemptRecord } from "../core/wide-event.ts";
import { fieldOf } from "../telemetry/metrics.ts";
import { isOfCaller, SEAM, wasHurried } from "./evidence.ts";
import type { Gateway } from "./gateway.ts";
import { noteProbe, probeOf } from "./probe.ts";

/**
 * What the attempts of a request say about the health of what they asked, for the isolate's view and for Redis. Each breaker's last word
 * counts. A client's departure, overload (the backend's or our own) and the caller's own mistakes say nothing; that another was quicker says nothing
 * of one that had less than its fair share of time.
 */
export function breakerReports(exchange: Admitted, gateway: Gateway): readonly BreakerReport[] {
  const { config, route, notes, draft } = exchange;
  // Counting has a deadline of its own and says nothing about how well a backend answers.
  if (draft.operation === "tokenize") return [];
  const last = new Map<string, Word>();
  for (const attempt of notes.attempts) {
    const backend = config.backends[attempt.backend];
    const target = { backend: attempt.backend, model: { name: attempt.model } };
    if (!backend || byHand(config, target) !== undefined) continue;
    const healthy = wordOf(attempt, backend, route);
    if (healthy !== undefined) last.set(breakerName(attempt.backend, attempt.model), { attempt, backend, healthy });
  }
  return [...last].flatMap(([name, word]) => {
    const probe = probeOf(exchange, name);
    if (probe?.ordinal === word.attempt.ordinal && probe.healthy === word.healthy) return [];
    return reportOf(name, word, probe?.held === true, exchange, gateway) ?? [];
  });
}

interface Word {
  readonly attempt: Began;
  readonly backend: Backend;
  readonly healthy: boolean;
}

type Began = Pick<AttemptRecord, "ordinal" | "backend" | "model" | "startedAt">;

/**
 * Says at once what an attempt showed that was a breaker's one probe, or that it showed nothing: its first token, or its end without one. Until then
 * nobody else may ask, and the request's own end may be minutes away. What comes of the attempt afterwards is the settlement's to tell.
 */
export function answerProbe(began: Began, healthy: boolean | undefined, exchange: Admitted, gateway: Gateway): void {
  if (!exchange.shared.probes && !exchange.notes.probes) return;
  const name = breakerName(began.backend, began.model);
  const backend = exchange.config.backends[began.backend];
  // A count of tokens says nothing, and asks nobody else.
  if (!backend || exchange.draft.operation === "tokenize" || !probeOf(exchange, name)?.held) return;
  const { requestId, unleased, alarm } = exchange;
  noteProbe(exchange, name, { held: false, ...(healthy !== undefined && { ordinal: began.ordinal, healthy }) });
  const word = healthy !== undefined && { attempt: began, backend, healthy };
  const report = word && reportOf(name, word, true, exchange, gateway);
  if (!word) gateway.breakers.giveBack(requestId);
  if (!unleased) exchange.waitUntil(gateway.probes.answer({ requestId, name, ...(report && { report }) }, alarm));
}

/** Of a step that was not asked after all. */
export function leaveProbe({ target }: { readonly target: Target }, exchange: Admitted, gateway: Gateway): void {
  answerProbe(
    { ordinal: -1, backend: target.backend, model: modelNameOf(target), startedAt: 0 },
    undefined,
    exchange,
    gateway,
  );
}

function reportOf(
  name: string,
  { attempt: { startedAt, model }, backend, healthy }: Word,
  holdsProbe: boolean,
  { requestId }: Admitted,
  gateway: Gateway,
): BreakerReport | undefined {
  const successes = gateway.breakers.report(name, { healthy, beganAt: startedAt, requestId }, holdsProbe);
  if (successes === undefined) return undefined;
  const counter = fieldOf("gateway_breaker_openings_total", { backend: backend.name, model, cause: "" });
  const ageMs = Math.max(0, gateway.clock.now() - startedAt);
  return { name, healthy, ageMs, successes, rules: backend.breaker, counter };
}

/** Whether an attempt shows its backend well or unwell; undefined: neither. */
export function wordOf(attempt: AttemptRecord, backend: Backend, route: Route): boolean | undefined {
  if (attempt.outcome === "completed") return true;
  return isUnwell(attempt, backend, route) ? false : undefined;
}

function isUnwell(attempt: AttemptRecord, backend: Backend, route: Route): boolean {
  const { outcome, failure, detail } = attempt;
  // Lost to another while it was silent: as good as a timeout, where it had the time.
  if (outcome === "cancelled" && failure === undefined && detail !== undefined)
    return !wasHurried(attempt, backend, route);
  if (outcome !== "failed" || failure?.startsWith("backend_") !== true) return false;
  if (failure === "backend_overloaded" || failure === "backend_rejected" || detail === SEAM || isOfCaller(attempt))
    return false;
  return failure !== "backend_timeout" || !wasHurried(attempt, backend, route);
}
