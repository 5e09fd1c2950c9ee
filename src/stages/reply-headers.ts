import { NOBODY } from "../core/degradation.ts";
import type { Admitted, AnswerOrigin, LiveAnswer, Received, Resolved } from "../core/exchange.ts";
import { serverTiming, timingOf } from "../telemetry/server-timing.ts";
import type { Gateway } from "./gateway.ts";

/** What every reply says: the request id, in both vocabularies that SDKs read. */
export function commonHeaders(received: Pick<Received, "requestId">): Record<string, string> {
  return { "x-request-id": received.requestId, "request-id": received.requestId };
}

export function failureHeaders(received: Received): Record<string, string> {
  return {
    ...commonHeaders(received),
    "content-type": "application/json",
    ...translationHeader(received),
    ...attemptHeaders(received),
    ...degradedHeader(received),
  };
}

/** What is known when the answer begins; what comes later (cost of a stream) is in the wide event. */
export function answerHeaders(exchange: Admitted, answer: LiveAnswer, gateway: Gateway): Record<string, string> {
  const { origin } = answer;
  return {
    ...commonHeaders(exchange),
    ...exchange.wire.rateHeaders(exchange.rate),
    // A fixed answer is none that the cache could have had.
    "x-gateway-cache": origin.cached
      ? "HIT"
      : exchange.cache.key === undefined || origin.backend === NOBODY
        ? "BYPASS"
        : "MISS",
    "x-gateway-backend": origin.backend,
    "x-gateway-model": origin.model,
    ...ageHeader(origin, gateway),
    "x-gateway-route": routeHeader(exchange),
    ...degradedHeader(exchange, origin),
    ...attemptHeaders(exchange),
    ...translationHeader(exchange),
    ...costHeader(exchange, answer),
    ...countHeader(answer),
    "server-timing": serverTiming(timingOf(exchange.notes.decisions, gateway.clock.now() - exchange.receivedAt)),
  };
}

/** For a stream whose headers could not wait for its first token. */
export function heldHeaders(exchange: Admitted, gateway: Gateway): Record<string, string> {
  return {
    ...commonHeaders(exchange),
    ...exchange.wire.rateHeaders(exchange.rate),
    "x-gateway-cache": exchange.cache.key === undefined ? "BYPASS" : "MISS",
    "x-gateway-route": routeHeader(exchange),
    // Who finds out whether it is better again may yet be answered in full.
    ...(exchange.degraded?.level === "reduced" && !exchange.degraded.probes && degradedHeader(exchange)),
    ...translationHeader(exchange),
    "server-timing": serverTiming(timingOf(exchange.notes.decisions, gateway.clock.now() - exchange.receivedAt)),
  };
}

/** The alias, and where there was something to decide: by which rule, how, and which arm of an experiment. */
function routeHeader({ route, routing }: Admitted): string {
  const { rule, by, experiment, arm } = routing;
  const decided = rule !== undefined || by !== "only-target";
  return [
    route.alias,
    ...(rule === undefined ? [] : [`rule=${rule}`]),
    ...(decided ? [`by=${by}`] : []),
    ...(arm === undefined ? [] : [`arm=${experiment}:${arm}`]),
  ].join(";");
}

/** The level that the answer is of; nothing where the route's own target gave it after all, to a request that found out how that is. */
function degradedHeader(
  { degraded }: Received & Partial<Pick<Resolved, "degraded">>,
  origin?: AnswerOrigin,
): Record<string, string> {
  if (!degraded) return {};
  const { level, probes } = degraded;
  const isAsked = origin !== undefined && !origin.cached && origin.backend !== NOBODY;
  if (!isAsked) return { "x-gateway-degraded": level };
  const inFull = origin.chosenTarget && (probes || level === "emergency");
  return inFull ? {} : { "x-gateway-degraded": "reduced" };
}

/** How old a cached answer is, in seconds. */
function ageHeader({ storedAt }: AnswerOrigin, gateway: Gateway): Record<string, string> {
  if (storedAt === undefined) return {};
  return { "x-gateway-cache-age": String(Math.max(0, Math.round((gateway.clock.now() - storedAt) / 1_000))) };
}

function attemptHeaders({ notes }: Received): Record<string, string> {
  return notes.attemptsBegun === 0 ? {} : { "x-gateway-attempts": String(notes.attemptsBegun) };
}

function costHeader(exchange: Admitted, answer: LiveAnswer): Record<string, string> {
  if (answer.kind !== "whole") return {};
  const nano = exchange.notes.attempts.reduce((sum, attempt) => sum + attempt.costNanoUsd, 0);
  return { "x-gateway-cost": (nano / 1e9).toFixed(9) };
}

/** Who counted, where tokens were to be counted. */
function countHeader(answer: LiveAnswer): Record<string, string> {
  if (answer.kind !== "whole" || answer.answer.operation !== "tokenize") return {};
  return { "x-gateway-count": answer.answer.estimated ? "estimate" : "backend" };
}

function translationHeader({ controls, notes }: Received): Record<string, string> {
  if (!controls.debugTranslation || notes.translations.length === 0) return {};
  const seen = new Set(notes.translations.map(({ what, field }) => `${what}:${field.replace(/[^\x21-\x7e]/g, "?")}`));
  return { "x-gateway-translation": [...seen].join(",").slice(0, 4_096) };
}
