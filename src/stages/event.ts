import { wantsStream } from "../core/draft.ts";
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
  readonly failure?: Failure | undefined;
  readonly cached?: boolean | undefined;
  /** Overrides the sum over the attempts (an abandoned request is booked as reserved). */
  readonly costNanoUsd?: number | undefined;
  readonly unleased?: boolean | undefined;
  readonly endUserHash?: string | undefined;
  readonly unrecorded?: readonly UnrecordedRefusals[] | undefined;
}

/** An event is at most 16 KiB: what a caller can make long is cut. */
const MAX_DECISIONS = 64;
const MAX_TRANSLATIONS = 64;
const MAX_FIELD_LENGTH = 64;

function bounded(translations: readonly Translation[]): readonly Translation[] {
  if (translations.length === 0) return translations;
  return translations
    .slice(0, MAX_TRANSLATIONS)
    .map((one) =>
      one.field.length > MAX_FIELD_LENGTH ? { ...one, field: one.field.slice(0, MAX_FIELD_LENGTH) } : one,
    );
}

type Known = Decoded & Partial<Resolved>;

/** The one wide event of a request, always of one shape: what is unknown is undefined, and absent once it is JSON. Holds no prompt, no answer, no key: only names, counts, times and decisions. */
export function eventOf(exchange: Known & Pick<Resolved, "principal">, ending: Ending): WideEvent {
  const { principal, draft, trace, notes, config, cache, reservation } = exchange;
  const last = notes.attempts.findLast((attempt) => attempt.outcome === "completed") ?? notes.attempts.at(-1);
  return {
    v: 1,
    requestId: exchange.requestId,
    tenant: principal.tenant,
    keyId: principal.keyId,
    user: principal.user,
    endUserHash: ending.endUserHash,
    tier: principal.tier,
    operation: draft.operation,
    clientWire: exchange.wire.name,
    alias: exchange.route?.alias ?? "",
    stream: wantsStream(draft),
    startedAt: exchange.receivedAt,
    endedAt: ending.endedAt,
    outcome: ending.outcome,
    failure: ending.failure?.type,
    limit: ending.failure?.limit,
    status: ending.status,
    cache: cacheWord(ending.cached ?? false, cache, exchange.controls.cache === "refresh"),
    routing: exchange.routing,
    backend: last?.backend,
    model: last?.model,
    attempts: notes.attempts,
    usage: sumUsage(notes.attempts),
    estimated: ending.outcome === "abandoned" || notes.attempts.some((attempt) => attempt.estimated),
    costNanoUsd: ending.costNanoUsd ?? notes.attempts.reduce((sum, attempt) => sum + attempt.costNanoUsd, 0),
    reservedNanoUsd: reservation?.costNanoUsd ?? 0,
    firstTokenMs:
      last?.firstTokenMs === undefined ? undefined : last.startedAt + last.firstTokenMs - exchange.receivedAt,
    decisions: notes.decisions.length > MAX_DECISIONS ? notes.decisions.slice(0, MAX_DECISIONS) : notes.decisions,
    translations: bounded(notes.translations),
    configVersion: config?.version ?? "",
    overlayVersion: config?.overlayVersion ?? 0,
    traceId: trace.traceId,
    spanId: trace.spanId,
    parentSpanId: trace.parentSpanId,
    unleased: ending.unleased === true ? true : undefined,
    unrecorded: ending.unrecorded,
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
