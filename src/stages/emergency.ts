import type { ChatAnswer } from "../core/answer.ts";
import { breakerOf, byHand } from "../core/breaker.ts";
import { NOBODY } from "../core/degradation.ts";
import { choicesOf } from "../core/draft.ts";
import type { Admitted, LiveAnswer, WholeAnswer } from "../core/exchange.ts";
import { type Failure, isOfBackends } from "../core/failure.ts";
import { loadStateOf } from "../core/load.ts";
import { fail, ok, type Result } from "../core/result.ts";
import { phaseOf } from "../routing/breaker.ts";
import type { Gateway } from "./gateway.ts";
import { answerId } from "./reply.ts";
import { wantedStructure } from "./structure.ts";

/** When nobody can say when it will be better: an operator set it. */
const BY_HAND_RETRY_MS = 30_000;
const LEAST_RETRY_MS = 1_000;
/** Whatever a backend or its queue says: nobody knows so far ahead. */
const MOST_RETRY_MS = 120_000;

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
  let busyMs = 0;
  if (finds(exchange, gateway)) {
    notes.decisions.push({ step: "degrade", decision: "asked" });
    const found = await ask();
    if (found.ok || !isOfBackends(found.failure)) return found;
    if (found.failure.type === "backend_overloaded") busyMs = found.failure.retryAfterMs ?? 0;
  }
  const answer = fixedAnswer(exchange);
  notes.decisions.push({ step: "degrade", decision: answer ? "fixed_answer" : "unavailable" });
  return answer ? ok(answer) : fail(unavailable(exchange, busyMs, gateway));
}

/** Whether this request finds out how the backends are. */
function finds(exchange: Admitted, gateway: Gateway): boolean {
  const { degraded, shared } = exchange;
  if (degraded?.cause === "by_hand") return false;
  if (shared.probes && shared.probes.length > 0) return true;
  return degraded?.probes === true && prospectsOf(exchange, gateway).some(({ isOpen }) => !isOpen);
}

/**
 * When each that the request could ask may answer again, as far as is known: its breaker, by what Redis told the request, else by what the isolate
 * knows; what the backend said of itself; and the queue before its seats. `leftMs` 0: now.
 */
function prospectsOf({ route, config, shared }: Admitted, gateway: Gateway) {
  const now = gateway.clock.now();
  return [...route.targets.filter(({ weight }) => weight > 0), ...route.fallbacks].map((target) => {
    const { backend } = target;
    const [name, hand] = [breakerOf(target), byHand(config, target)];
    const state = shared.breakers[name] ?? gateway.breakers.state(name);
    const isOpen = phaseOf(state, now, hand) === "open";
    const isOff = !gateway.availableBackends.has(backend) || config.disabledBackends.has(backend) || hand === "open";
    if (isOff) return { isOpen, leftMs: BY_HAND_RETRY_MS };
    if (hand === "closed") return { isOpen, leftMs: 0 };
    const { health } = config.backends[backend] ?? {};
    const load = gateway.loads.of(backend);
    // Down until it is asked again.
    const isDown = load && health && loadStateOf(load, health, now) === "unhealthy";
    const readAgainAt = isDown ? Math.max(load.readAt + health.everyMs, now + LEAST_RETRY_MS) : 0;
    const freeAt = Math.max(state?.openUntil ?? 0, readAgainAt, gateway.loads.freeAt(backend));
    return { isOpen, leftMs: Math.max(0, freeAt - now) };
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

/** `busyMs`: what a backend that was asked just now said of its own wait. */
function unavailable(exchange: Admitted, busyMs: number, gateway: Gateway): Failure {
  const { route, degraded } = exchange;
  const told = (type: Failure["type"], retryAfterMs: number): Failure => ({
    type,
    message: `The model \`${route.alias}\` cannot answer right now; try again later.`,
    retryAfterMs: Math.min(MOST_RETRY_MS, Math.max(LEAST_RETRY_MS, retryAfterMs)),
    detail: `emergency_${degraded?.cause}`,
  });
  if (degraded?.cause === "by_hand") return told("gateway_unavailable", BY_HAND_RETRY_MS);
  const prospects = prospectsOf(exchange, gateway);
  // Not before the first of them may answer; and unless all are open, so that the first that may closes one, not before the level may be left.
  const firstMs = Math.min(MOST_RETRY_MS, ...prospects.map(({ leftMs }) => leftMs));
  const allOpen = prospects.length > 0 && prospects.every(({ isOpen }) => isOpen);
  const upMs = allOpen ? 0 : (gateway.routeLevels.upInMs(route.alias) ?? 0);
  return told("backend_unavailable", Math.max(firstMs, upMs, busyMs));
}
