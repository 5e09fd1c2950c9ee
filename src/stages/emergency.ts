import type { ChatAnswer } from "../core/answer.ts";
import { NOBODY } from "../core/degradation.ts";
import { sequencesOf } from "../core/draft.ts";
import type { Admitted, LiveAnswer, WholeAnswer } from "../core/exchange.ts";
import { type Failure, isFallbackWorthy } from "../core/failure.ts";
import type { BreakerState } from "../core/ports.ts";
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
    if (found.ok || !isFallbackWorthy(found.failure)) return found;
  }
  const answer = fixedAnswer(exchange);
  notes.decisions.push({ step: "degrade", decision: answer ? "fixed_answer" : "unavailable" });
  return answer ? ok(answer) : fail(unavailable(exchange, gateway));
}

/** Whether this request finds out how the backends are. */
function finds({ degraded, shared, ...exchange }: Admitted, gateway: Gateway): boolean {
  if (degraded?.cause === "by_hand") return false;
  if (shared.probes && shared.probes.length > 0) return true;
  const now = gateway.clock.now();
  return (
    degraded?.probes === true &&
    statesOf({ shared, ...exchange }, gateway).some((state) => phaseOf(state, now) !== "open")
  );
}

/** What Redis told this request of its breakers, else what the isolate knows. */
function statesOf(
  { route, shared }: Pick<Admitted, "route" | "shared">,
  gateway: Gateway,
): readonly (BreakerState | undefined)[] {
  return [...route.targets.filter(({ weight }) => weight > 0), ...route.fallbacks].map(
    ({ backend }) => shared.breakers[backend] ?? gateway.breakers.state(backend),
  );
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
    choices: Array.from({ length: sequencesOf(draft) }, (_, index) => ({
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
  const now = gateway.clock.now();
  const states = statesOf(exchange, gateway);
  // While all are open: until the first may close. Else until the level may be left.
  const isOpen = states.every((state) => phaseOf(state, now) === "open");
  const firstMs = Math.min(...states.map((state) => (state?.openUntil ?? now) - now));
  return told(
    "backend_unavailable",
    isOpen && states.length > 0 ? firstMs : (gateway.routeLevels.upInMs(route.alias) ?? 0),
  );
}
