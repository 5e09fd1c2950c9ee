import type { AttemptRecord, WideEvent } from "../../../src/core/wide-event.ts";

export function attemptOf(changes: Partial<AttemptRecord> = {}): AttemptRecord {
  return {
    ordinal: 0,
    backend: "home",
    model: "small",
    wire: "openai-chat",
    outcome: "completed",
    startedAt: 1_000,
    durationMs: 900,
    firstTokenMs: 120,
    usage: { inputTokens: 30, outputTokens: 12, cachedInputTokens: 10 },
    estimated: false,
    costNanoUsd: 1_234_567,
    ...changes,
  };
}

/** A request that completed on its first attempt. */
export function eventOf(changes: Partial<WideEvent> = {}): WideEvent {
  return {
    v: 1,
    requestId: "req_01jxq2v3c4d5e6f7g8h9j0k1m2",
    tenant: "acme",
    keyId: "abcdefghij234567",
    tier: "standard",
    operation: "chat",
    clientWire: "anthropic-messages",
    alias: "home",
    stream: true,
    startedAt: 1_000,
    endedAt: 2_000,
    outcome: "completed",
    status: 200,
    cache: "miss",
    backend: "home",
    model: "small",
    attempts: [attemptOf()],
    usage: { inputTokens: 30, outputTokens: 12, cachedInputTokens: 10 },
    estimated: false,
    costNanoUsd: 1_234_567,
    reservedNanoUsd: 9_000_000,
    firstTokenMs: 150,
    decisions: [{ step: "admit", decision: "admitted", ioMs: 3 }],
    translations: [{ field: "top_k", what: "dropped" }],
    configVersion: "0123456789abcdef",
    overlayVersion: 0,
    traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
    spanId: "00f067aa0ba902b7",
    ...changes,
  };
}
