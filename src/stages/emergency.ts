import type { ChatAnswer } from "../core/answer.ts";
import { breakerOf, byHand } from "../core/breaker.ts";
import { NOBODY } from "../core/degradation.ts";
import { choicesOf } from "../core/draft.ts";
import type { Admitted, LiveAnswer, WholeAnswer } from "../core/exchange.ts";
import { type Failure, isOfBackends } from "../core/failure.ts";
import { fail, ok, type Result } from "../core/result.ts";
import { phaseOf } from "../routing/breaker.ts";
import type { Gateway } from "./gateway.ts";
import { answerId } from "./reply.ts";
import { wantedStructure } from "./structure.ts";

/** When nobody can say when it will be better: an operator set it. */
const BY_HAND_RETRY_MS = 30_000;
const LEAST_RETRY_MS = 1_000;

/**
 * `ask`, unless the route is in an emergency: then the fixed answer or an honest 503 in its place. Who holds a breaker's one probe asks all the same, and so does
 * one request in a few seconds where a breaker lets it; a failure of theirs is answered like the rest. Nobody asks where operators said emergency.
 */
export async function unlessEmergency(
  exchange: Admitted,
  ask: () => Promise<Result<LiveAnswer>>,
  gateway: Gateway,
): Promise<Result<LiveAnswer>> {
  const { degraded, notes } = exchange;
  if (degraded?.level !== "emergency") return ask();
  if (finds(exchange, gateway)) {
    notes.decisions.push({ step: "degrade", decision: "asked" });
    const found = await ask();
    if (found.ok || !isOfBackends(found.failure)) return found;
  }
  const answer = fixedAnswer(exchange);
  notes.decisions.push({ step: "degrade", decision: answer ? "fixed_answer" : "unavailable" });
  return answer ? ok(answer) : fail(unavailable(exchange, gateway));
}

/** Whether this request finds out how the backends are. */
function finds(exchange: Admitted, gateway: Gateway): boolean {
  const { degraded, shared } = exchange;
  if (degraded?.cause === "by_hand") return false;
  if (shared.probes && shared.probes.length > 0) return true;
  return degraded?.probes === true && breakersOf(exchange, gateway).some(({ isOpen }) => !isOpen);
}

/** The breakers of all that the request could ask: by what Redis told it, else by what the isolate knows. */
function breakersOf({ route, config, shared }: Admitted, gateway: Gateway) {
  const now = gateway.clock.now();
  return [...route.targets.filter(({ weight }) => weight > 0), ...route.fallbacks].map((target) => {
    const name = breakerOf(target);
    const state = shared.breakers[name] ?? gateway.breakers.state(name);
    const isOpen = phaseOf(state, now, byHand(config, target)) === "open";
    return { isOpen, leftMs: Math.max(0, (state?.openUntil ?? 0) - now) };
  });
}

/** The route's own words as a whole answer, as often as choices were asked for. None for who wants a structure, a call, or this backend's answer alone. */
function fixedAnswer(exchange: Admitted): WholeAnswer | undefined {
  const { draft, body, route, wire, controls } = exchange;
  const text = route.degradation?.emergency?.answer;
  if (text === undefined || controls.noFallback || (draft.operation !== "chat" && draft.operation !== "complete"))
    return undefined;
  if (draft.operation === "chat") {
    const call = draft.toolChoice?.kind;
    if (wantedStructure(draft, body) || call === "required" || call === "named") return undefined;
  }
  const answer: ChatAnswer = {
    operation: draft.operation,
    id: answerId(exchange),
    model: route.alias,
    choices: Array.from({ length: choicesOf(draft) }, (_, index) => ({
      index,
      blocks: [{ type: "text", text }],
      finish: { kind: "stop", raw: "stop" },
    })),
    usage: { inputTokens: 0, outputTokens: 0 },
  };
  return {
    kind: "whole",
    wire,
    origin: { backend: NOBODY, model: route.alias, chosenTarget: false, cached: false },
    answer,
  };
}

function unavailable(exchange: Admitted, gateway: Gateway): Failure {
  const { route, degraded } = exchange;
  const told = (type: Failure["type"], retryAfterMs: number): Failure => ({
    type,
    message: `The model \`${route.alias}\` cannot answer right now; try again later.`,
    retryAfterMs: Math.max(LEAST_RETRY_MS, retryAfterMs),
    detail: `emergency_${degraded?.cause}`,
  });
  if (degraded?.cause === "by_hand") return told("gateway_unavailable", BY_HAND_RETRY_MS);
  const breakers = breakersOf(exchange, gateway);
  // While all are open: until the first may close. Else until the level may be left.
  const allOpen = breakers.length > 0 && breakers.every(({ isOpen }) => isOpen);
  const firstMs = Math.min(...breakers.map(({ leftMs }) => leftMs));
  return told("backend_unavailable", allOpen ? firstMs : (gateway.routeLevels.upInMs(route.alias) ?? 0));
}
