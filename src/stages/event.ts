import type { Decoded, Resolved } from "../core/exchange.ts";
import type { Failure } from "../core/failure.ts";
import type { Usage } from "../core/usage.ts";
import type { AttemptRecord, Outcome, UnrecordedRefusals, WideEvent } from "../core/wide-event.ts";
import type { Translation } from "../core/wire.ts";

export interface Ending {
  readonly outcome: Outcome;
  readonly endedAt: number;
  /** What the caller's connection was told, 0 where it was told nothing. */
  readonly status: number;
  readonly failure?: Failure;
  readonly cached?: boolean;
  /** Overrides the sum over the attempts (an abandoned request is booked as reserved). */
  readonly costNanoUsd?: number;
  readonly unleased?: boolean;
  readonly endUserHash?: string;
  readonly unrecorded?: readonly UnrecordedRefusals[] | undefined;
}

/** An event is at most 16 KiB: what a caller can make long is cut. */
const MAX_DECISIONS = 64;
const MAX_TRANSLATIONS = 64;
const MAX_FIELD_LENGTH = 64;

function bounded(translations: readonly Translation[]): readonly Translation[] {
  return translations
    .slice(0, MAX_TRANSLATIONS)
    .map((one) =>
      one.field.length > MAX_FIELD_LENGTH ? { ...one, field: one.field.slice(0, MAX_FIELD_LENGTH) } : one,
    );
}

type Known = Decoded & Partial<Resolved>;

/** The one wide event of a request. Holds no prompt, no answer, no key: only names, counts, times and decisions. */
export function eventOf(exchange: Known & Pick<Resolved, "principal">, ending: Ending): WideEvent {
  const { principal, draft, trace, notes, config, cache, reservation } = exchange;
  const last = notes.attempts.findLast((attempt) => attempt.outcome !== "failed") ?? notes.attempts.at(-1);
  const usage = sumUsage(notes.attempts);
  return {
    v: 1,
    requestId: exchange.requestId,
    tenant: principal.tenant,
    keyId: principal.keyId,
    ...(principal.user !== undefined && { user: principal.user }),
    ...(ending.endUserHash !== undefined && { endUserHash: ending.endUserHash }),
    tier: principal.tier,
    operation: draft.operation,
    clientWire: exchange.wire.name,
    alias: exchange.route?.alias ?? "",
    stream: draft.operation === "chat" && draft.stream,
    startedAt: exchange.receivedAt,
    endedAt: ending.endedAt,
    outcome: ending.outcome,
    ...(ending.failure && { failure: ending.failure.type }),
    ...(ending.failure?.limit && { limit: ending.failure.limit }),
    status: ending.status,
    cache: cacheWord(ending.cached ?? false, cache, exchange.controls.cache === "refresh"),
    ...(last && { backend: last.backend, model: last.model }),
    attempts: notes.attempts,
    ...(usage && { usage }),
    estimated: ending.outcome === "abandoned" || notes.attempts.some((attempt) => attempt.estimated),
    costNanoUsd: ending.costNanoUsd ?? notes.attempts.reduce((sum, attempt) => sum + attempt.costNanoUsd, 0),
    reservedNanoUsd: reservation?.costNanoUsd ?? 0,
    ...(last?.firstTokenMs !== undefined && { firstTokenMs: last.startedAt + last.firstTokenMs - exchange.receivedAt }),
    decisions: notes.decisions.slice(0, MAX_DECISIONS),
    translations: bounded(notes.translations),
    configVersion: config?.version ?? "",
    overlayVersion: config?.overlayVersion ?? 0,
    traceId: trace.traceId,
    spanId: trace.spanId,
    ...(trace.parentSpanId !== undefined && { parentSpanId: trace.parentSpanId }),
    ...(ending.unleased && { unleased: true }),
    ...(ending.unrecorded && { unrecorded: ending.unrecorded }),
  };
}

function cacheWord(cached: boolean, cache: Resolved["cache"] | undefined, refresh: boolean): WideEvent["cache"] {
  if (cached) return "hit";
  if (cache?.key === undefined) return "bypass";
  return refresh ? "refresh" : "miss";
}

/** Sums field by field; a field that no attempt knows stays unknown. */
export function sumUsage(attempts: readonly AttemptRecord[]): Usage | undefined {
  const sums: Partial<Record<keyof Usage, number>> = {};
  for (const { usage } of attempts) {
    if (!usage) continue;
    for (const key of Object.keys(usage) as (keyof Usage)[]) {
      const count = usage[key];
      if (count !== undefined) sums[key] = (sums[key] ?? 0) + count;
    }
  }
  return Object.keys(sums).length > 0 ? sums : undefined;
}
