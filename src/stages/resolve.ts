import { findRoute } from "../config/resolve.ts";
import type { Route } from "../core/config.ts";
import { maskCredentials } from "../core/credentials.ts";
import { type Draft, isGenerative, type Operation, sequencesOf } from "../core/draft.ts";
import type { CachePlan, Continued, Resolved } from "../core/exchange.ts";
import { badRequest, type Failure } from "../core/failure.ts";
import { mayUse } from "../core/identity.ts";
import { fail, ok, type Result } from "../core/result.ts";
import { estimateInputTokens } from "../core/tokens.ts";
import { nameIn } from "../wire/names.ts";
import { planCache } from "./cache-plan.ts";
import { countingRoute } from "./counting.ts";
import { leaveProbe } from "./degrade.ts";
import { exactInputTokens } from "./exact-tokens.ts";
import type { Gateway } from "./gateway.ts";
import { levelsOf } from "./levels.ts";
import { continuationsOf, hedgesOf, leftOf, repairsOf, reservationFor } from "./reservation.ts";
import { type Routed, routeRequest } from "./route.ts";
import { type Standing, standingOf } from "./standing.ts";

/** What the alias means under the config version that this isolate holds, and the most that the request may use. No I/O. */
export function resolve(exchange: Continued, gateway: Gateway): Result<Resolved> | Promise<Result<Resolved>> {
  const { draft, principal } = exchange;
  const config = gateway.config();
  const found = findRoute(config, draft.model);
  if (!found) {
    // Of the form of an alias by now, so at most 128 characters. The event's `alias` stays empty: it is a label of metrics.
    exchange.notes.decisions.push({ step: "resolve", decision: "unknown_model", reason: maskCredentials(draft.model) });
    return fail(modelNotFound(draft.model));
  }
  if (!mayUse(principal, found.alias)) return fail(modelForbidden(found.alias));
  const route = routeFor(draft, found);
  if (!route) return fail(wrongOperation(found));
  const { availableBackends } = gateway;
  // A count is of what the chat would take, fallbacks included, though none of them is asked to count.
  const { tokenizers } = standingOf(found, config, availableBackends);
  const estimate = estimateInputTokens(draft, exchange.body, tokenizers);
  const routed = routeRequest(exchange, route, config, estimate, gateway);
  const { priceCeiling, chain } = standingOf(routed.route, config, availableBackends);
  const known = { ...routed, config, priceCeiling, chain };
  const { drawn, degraded } = routed;
  const asksToCount = route.exactTokens === true && degraded?.level !== "emergency";
  const target = asksToCount ? (drawn ?? routed.route.targets[0]) : undefined;
  if (!target) return reserved(exchange, known, estimate, gateway);
  return exactInputTokens(exchange, target, config.backends[target.backend], gateway).then((counted) =>
    reserved(exchange, known, counted ?? estimate, gateway),
  );
}

/** What the route would have to be for the draft: a chat's tokens can be counted, and nothing else is another operation. */
function routeFor(draft: Draft, route: Route): Route | undefined {
  if (route.operation === draft.operation) return route;
  return draft.operation === "tokenize" && route.operation === "chat" ? countingRoute(route) : undefined;
}

/** What is known of a request's route before its input is counted. */
type Known = Routed & Pick<Resolved, "config" | "priceCeiling"> & Pick<Standing, "chain">;

/** The most that the request may use, refused where its input alone is too much. */
function reserved(
  exchange: Continued,
  known: Known,
  inputTokens: number,
  gateway: Gateway,
): Result<Resolved> | Promise<Result<Resolved>> {
  const { draft, principal } = exchange;
  const { config, route, priceCeiling, chain, drawn, arm, routing, compared, degraded } = known;
  if (inputTokens > route.maxInputTokens) {
    leaveProbe({ ...exchange, route, degraded }, gateway);
    return fail(
      badRequest(
        `The input is about ${inputTokens} tokens; \`${route.alias}\` takes at most ${route.maxInputTokens}.`,
        nameIn(exchange.wire.name, "messages"),
        "context_length_exceeded",
      ),
    );
  }
  const maxOutputTokens = isGenerative(draft)
    ? Math.min(draft.maxOutputTokens ?? route.maxOutputTokens, route.maxOutputTokens)
    : undefined;
  const outputTokens = (maxOutputTokens ?? 0) * sequencesOf(draft);
  // Counting charges a request and no tokens.
  const charged = draft.operation === "tokenize" ? 0 : inputTokens;
  const furtherRounds = repairsOf(exchange, route) + continuationsOf(exchange, route);
  const beside =
    hedgesOf(exchange, route) +
    leftOf({ draft, body: exchange.body, controls: exchange.controls, route, maxOutputTokens }, chain);
  const resolved = (cache: CachePlan): Result<Resolved> =>
    ok({
      ...exchange,
      config,
      route,
      inputTokens,
      maxOutputTokens,
      levels: levelsOf(principal, config, route.alias),
      reservation: reservationFor(priceCeiling, charged, outputTokens, furtherRounds, beside),
      priceCeiling,
      drawn,
      routing,
      compared,
      degraded,
      cache,
    });
  const planned = planCache(exchange, { config, route, maxOutputTokens, arm, degraded }, gateway);
  // Only a cache key takes time (it is hashed).
  return planned instanceof Promise ? planned.then(resolved) : resolved(planned);
}

/** Where each operation is asked for; no operation is translated into another. */
const ASKED_AT: Readonly<Record<Operation, string>> = {
  chat: "/v1/chat/completions or /v1/messages",
  complete: "/v1/completions",
  embed: "/v1/embeddings",
  rerank: "/v1/rerank",
  tokenize: "/v1/messages/count_tokens",
};

const wrongOperation = ({ alias, operation }: Route): Failure =>
  badRequest(
    `The model \`${alias}\` does not support this operation (it is for: ${operation}); use ${ASKED_AT[operation]}.`,
    "model",
  );

export const modelNotFound = (alias: string): Failure => ({
  type: "caller_model_not_found",
  // Somebody may have put a key there.
  message: `The model \`${maskCredentials(alias)}\` does not exist.`,
  param: "model",
  code: "model_not_found",
});

export const modelForbidden = (alias: string): Failure => ({
  type: "caller_forbidden",
  message: `This API key may not use the model \`${alias}\`.`,
  param: "model",
  code: "model_forbidden",
});
