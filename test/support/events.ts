import type { AttemptRecord, WideEvent } from "../../src/core/wide-event.ts";

/** A moment in the middle of a day and a month (UTC). */
export const NOON = Date.UTC(2026, 10, 21, 12);

let nextId = 0;

export function attempt(fields: Partial<AttemptRecord> = {}): AttemptRecord {
  return {
    ordinal: 0,
    backend: "vllm",
    model: "simulated-8b",
    wire: "openai-chat",
    outcome: "completed",
    startedAt: NOON + 5,
    durationMs: 900.5,
    firstTokenMs: 120.25,
    usage: { inputTokens: 100, outputTokens: 40 },
    estimated: false,
    costNanoUsd: 1_400,
    ...fields,
  };
}

/** A settled event of one attempt; what it lacks is filled in so that usage and cost are the sums of its attempts. */
export function settledEvent(fields: Partial<WideEvent> = {}): WideEvent {
  const attempts = fields.attempts ?? [attempt()];
  return {
    v: 1,
    requestId: `req_${String(nextId++).padStart(26, "0")}`,
    tenant: "acme",
    keyId: "abcdefgh234567ab",
    tier: "free",
    operation: "chat",
    clientWire: "openai-chat",
    alias: "chat",
    stream: true,
    startedAt: NOON,
    endedAt: NOON + 1_000,
    outcome: "completed",
    status: 200,
    cache: "miss",
    backend: "vllm",
    model: "simulated-8b",
    attempts,
    usage: { inputTokens: 100, outputTokens: 40 },
    estimated: false,
    costNanoUsd: attempts.reduce((sum, one) => sum + one.costNanoUsd, 0),
    reservedNanoUsd: 9_000,
    firstTokenMs: 125.25,
    decisions: [{ step: "admit", decision: "admitted", ioMs: 1.5 }],
    translations: [{ field: "user", what: "stripped" }],
    configVersion: "c0ffee",
    overlayVersion: 0,
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    ...fields,
  };
}

/** The same request as admission would leave it, if nothing more were heard of it. */
export function abandonedOf(event: WideEvent): WideEvent {
  const { backend: _backend, model: _model, usage: _usage, firstTokenMs: _first, ...rest } = event;
  return {
    ...rest,
    outcome: "abandoned",
    status: 0,
    attempts: [],
    estimated: true,
    costNanoUsd: event.reservedNanoUsd,
    endedAt: event.startedAt,
  };
}
