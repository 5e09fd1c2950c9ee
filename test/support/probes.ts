import { type BreakerState, CLOSED_BREAKER } from "../../src/core/breaker.ts";
import type { AdmissionReply, BreakerReport, SharedState } from "../../src/core/ports.ts";
import type { Probes } from "../../src/core/probes.ts";
import { BreakerView } from "../../src/routing/breaker-view.ts";
import { type Answering, NOW, PLAYED_CONFIG } from "./pipeline.ts";

/** Requests of the played pipeline, and what Redis says of the breakers on their way: `openai` first, `claude` behind it where the route has it. */

export const REQUEST = { caller: "openai-chat", backend: "openai-chat", stream: false } as const;
export const NAME = "openai/played";
export const SPARE = "claude/played";
export const HALF_OPEN: BreakerState = { ...CLOSED_BREAKER, failures: 3, openUntil: NOW - 1, openMs: 1_000 };
export const OPEN: BreakerState = { ...HALF_OPEN, openUntil: NOW + 5_000 };

export const answers = (status: number): Answering => {
  const body = { id: "c", model: "m", choices: [{ index: 0, message: { content: "Yes" }, finish_reason: "stop" }] };
  return () => Response.json(status === 200 ? body : {}, { status });
};

/** An admission store that admits with these breakers. */
export const admitting = (shared: SharedState, cached?: string) => {
  const reply: AdmissionReply = { kind: "admitted", ioMs: 0, rate: {}, shared, ...(cached && { cached }) };
  return async () => reply;
};

/** Redis' side: hands each breaker's probe to the first that asks, and keeps what it is told on the way. */
export function probesAt(closed: readonly string[] = []) {
  const claims: string[] = [];
  const words: (readonly [string, boolean | undefined])[] = [];
  const held = new Map<string, string>();
  const probes: Probes = {
    claim: async ({ name, requestId }) => {
      claims.push(name);
      if (closed.includes(name)) return { kind: "closed" };
      if (held.has(name)) return { kind: "taken" };
      held.set(name, requestId);
      return { kind: "mine" };
    },
    answer: async ({ name, report }: { name: string; report?: BreakerReport }) => {
      words.push([name, report?.healthy]);
      held.delete(name);
    },
  };
  return { claims, words, probes };
}

export const view = () =>
  new BreakerView(
    () => PLAYED_CONFIG.backends.openai?.breaker,
    () => NOW,
  );
