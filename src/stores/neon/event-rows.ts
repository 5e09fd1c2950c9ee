import { ATTEMPT_KINDS, type WideEvent } from "../../core/wide-event.ts";
import type { charges, requests } from "./schema.ts";

/** A wide event as rows of `requests` and `charges`, and back. Durations are in milliseconds, moments are whole milliseconds. */

export function requestRow(event: WideEvent): typeof requests.$inferInsert {
  return {
    id: event.requestId,
    tenantId: event.tenant,
    keyId: event.keyId,
    userId: event.user,
    tier: event.tier,
    status: event.outcome === "abandoned" ? "abandoned" : "settled",
    outcome: event.outcome,
    failure: event.failure,
    limitUnit: event.limit?.unit,
    limitLevel: event.limit?.level,
    httpStatus: event.status,
    operation: event.operation,
    clientWire: event.clientWire,
    alias: event.alias,
    stream: event.stream,
    cache: event.cache,
    backend: event.backend,
    model: event.model,
    attempts: event.attempts.length,
    ...event.usage,
    estimated: event.estimated,
    costNanoUsd: event.costNanoUsd,
    reservedNanoUsd: event.reservedNanoUsd,
    startedAt: new Date(event.startedAt),
    endedAt: new Date(event.endedAt),
    durationMs: event.endedAt - event.startedAt,
    firstTokenMs: event.firstTokenMs,
    decisions: event.decisions,
    translations: event.translations,
    endUserHash: event.endUserHash,
    traceId: event.traceId,
    spanId: event.spanId,
    parentSpanId: event.parentSpanId,
    configVersion: event.configVersion,
    overlayVersion: event.overlayVersion,
    releaseArm: armOf(event),
  };
}

/** Arms of an experiment, told apart by its name too. */
function armOf({ routing }: WideEvent): string | undefined {
  return routing?.arm === undefined ? undefined : `${routing.experiment}:${routing.arm}`;
}

/** An abandoned request has no charges: what it did is not known, and its cost is on its own row. */
export function chargeRowsOf(event: WideEvent): readonly (typeof charges.$inferInsert)[] {
  if (event.outcome === "abandoned") return [];
  return event.attempts.map((attempt) => ({
    requestId: event.requestId,
    ordinal: attempt.ordinal,
    tenantId: event.tenant,
    kind: attempt.kind ?? "attempt",
    backend: attempt.backend,
    model: attempt.model,
    wire: attempt.wire,
    outcome: attempt.outcome,
    failure: attempt.failure,
    detail: attempt.detail,
    startedAt: new Date(attempt.startedAt),
    durationMs: attempt.durationMs,
    firstTokenMs: attempt.firstTokenMs,
    ...attempt.usage,
    estimated: attempt.estimated,
    costNanoUsd: attempt.costNanoUsd,
  }));
}

/**
 * The event again, as an object that still has to be read like one from outside: columns hold text where the event has closed lists.
 * What no column holds (`unleased`, `unrecorded`, `routing` but for its words in `decisions`) is lost.
 */
export function eventFrom(row: typeof requests.$inferSelect, parts: readonly (typeof charges.$inferSelect)[]): object {
  return known({
    v: 1,
    requestId: row.id,
    tenant: row.tenantId,
    keyId: row.keyId,
    user: row.userId,
    endUserHash: row.endUserHash,
    tier: row.tier,
    operation: row.operation,
    clientWire: row.clientWire,
    alias: row.alias,
    stream: row.stream,
    startedAt: row.startedAt.getTime(),
    endedAt: row.endedAt?.getTime(),
    outcome: row.outcome,
    failure: row.failure,
    limit: row.limitUnit === null ? undefined : { unit: row.limitUnit, level: row.limitLevel },
    status: row.httpStatus,
    cache: row.cache,
    backend: row.backend,
    model: row.model,
    attempts: parts.map(attemptFrom),
    usage: usageFrom(row),
    estimated: row.estimated,
    costNanoUsd: row.costNanoUsd,
    reservedNanoUsd: row.reservedNanoUsd,
    firstTokenMs: row.firstTokenMs,
    decisions: row.decisions,
    translations: row.translations,
    configVersion: row.configVersion,
    overlayVersion: row.overlayVersion,
    traceId: row.traceId,
    spanId: row.spanId,
    parentSpanId: row.parentSpanId,
  });
}

function attemptFrom(charge: typeof charges.$inferSelect): object {
  const { ordinal, backend, model, wire, outcome, failure, detail, durationMs, firstTokenMs, estimated, costNanoUsd } =
    charge;
  const startedAt = charge.startedAt.getTime();
  const told = { ordinal, backend, model, wire, outcome, failure, detail, startedAt, durationMs, firstTokenMs };
  const kind = ATTEMPT_KINDS.find((known) => known === charge.kind);
  return known({ ...told, kind, usage: usageFrom(charge), estimated, costNanoUsd });
}

type Counted = Pick<
  typeof charges.$inferSelect,
  "inputTokens" | "outputTokens" | "cachedInputTokens" | "cacheWriteTokens" | "reasoningTokens"
>;

function usageFrom(row: Counted): object | undefined {
  const { inputTokens, outputTokens, cachedInputTokens, cacheWriteTokens, reasoningTokens } = row;
  const usage = known({ inputTokens, outputTokens, cachedInputTokens, cacheWriteTokens, reasoningTokens });
  return Object.keys(usage).length === 0 ? undefined : usage;
}

/** Without the fields that are null or undefined: unknown is absent. */
function known(fields: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined));
}
