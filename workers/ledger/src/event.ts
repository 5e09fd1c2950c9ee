import * as z from "zod/mini";
import { DEGRADATION_LEVELS } from "../../../src/core/degradation.ts";
import type { Operation } from "../../../src/core/draft.ts";
import type { FailureType, LimitLevel, LimitUnit } from "../../../src/core/failure.ts";
import { WIRE_NAMES } from "../../../src/core/formats.ts";
import { CHOICE_REASONS, type RouteDecision } from "../../../src/core/route-rules.ts";
import { ATTEMPT_KINDS, type Outcome, type WideEvent } from "../../../src/core/wide-event.ts";
import type { Translation } from "../../../src/core/wire.ts";

/**
 * The ledger's door: what came by a queue or lay in Redis is an event, or it is not. Text that Postgres cannot hold (NUL, half a
 * surrogate pair) is mended rather than refused, because a row with a replaced character is worth more than no row; identifiers are
 * never changed. Fields that this version does not know are left behind.
 */
export type EventReading =
  | { readonly ok: true; readonly event: WideEvent }
  /** `path` names the first field that is wrong, `reason` says how; neither holds a value of the event. */
  | { readonly ok: false; readonly path: string; readonly reason: string };

const MAX_TEXT_LENGTH = 2_048;
const REPLACEMENT = "\uFFFD";

const identifier = z.string().check(z.minLength(1), z.maxLength(256), z.refine(isStorable, "unstorable characters"));
const text = z.pipe(z.string(), z.transform(mended));
const moment = z.number().check(z.minimum(0), z.maximum(8_640_000_000_000_000));
const count = z.int().check(z.minimum(0));
const duration = z.number().check(z.minimum(0));

const outcome = z.enum(
  words<Outcome>({ completed: true, failed: true, cancelled: true, refused: true, abandoned: true }),
);
const operation = z.enum(words<Operation>({ chat: true, complete: true, embed: true, rerank: true, tokenize: true }));
const wire = z.enum(WIRE_NAMES);
const limitUnit = z.enum(words<LimitUnit>({ requests: true, tokens: true, concurrency: true, money: true }));
const limitLevel = z.enum(words<LimitLevel>({ key: true, user: true, model: true, tenant: true }));
const translation = z.enum(
  words<Translation["what"]>({ mapped: true, dropped: true, refused: true, added: true, stripped: true }),
);
const failureType = z.enum(
  words<FailureType>({
    caller_bad_request: true,
    caller_body_too_large: true,
    caller_unsupported_media_type: true,
    caller_unauthenticated: true,
    caller_forbidden: true,
    caller_not_found: true,
    caller_method_not_allowed: true,
    caller_model_not_found: true,
    caller_rate_limited: true,
    caller_budget_exhausted: true,
    caller_conflict: true,
    caller_cancelled: true,
    policy_refused: true,
    backend_rejected: true,
    backend_unavailable: true,
    backend_overloaded: true,
    backend_timeout: true,
    backend_unauthorized: true,
    backend_protocol: true,
    backend_cut: true,
    backend_stream_error: true,
    gateway_unavailable: true,
    gateway_not_implemented: true,
    gateway_internal: true,
  }),
);

const usage = z.object({
  inputTokens: z.exactOptional(count),
  outputTokens: z.exactOptional(count),
  cachedInputTokens: z.exactOptional(count),
  cacheWriteTokens: z.exactOptional(count),
  reasoningTokens: z.exactOptional(count),
});

const attempt = z.object({
  ordinal: count.check(z.maximum(1_000)),
  kind: z.exactOptional(z.enum(ATTEMPT_KINDS)),
  backend: identifier,
  model: text,
  wire,
  outcome: z.enum(["completed", "failed", "cancelled"]),
  failure: z.exactOptional(failureType),
  detail: z.exactOptional(text),
  startedAt: moment,
  durationMs: duration,
  firstTokenMs: z.exactOptional(duration),
  usage: z.exactOptional(usage),
  estimated: z.boolean(),
  costNanoUsd: count,
});

const decision = z.object({
  step: text,
  decision: text,
  reason: z.exactOptional(text),
  ioMs: z.exactOptional(duration),
});

const cache = z.enum(["hit", "miss", "bypass", "refresh"]);
const limit = z.object({ unit: limitUnit, level: limitLevel });

const level = z.enum(DEGRADATION_LEVELS);

const routing = z.object({
  rule: z.exactOptional(text),
  by: z.enum(CHOICE_REASONS),
  experiment: z.exactOptional(text),
  arm: z.exactOptional(text),
  complexity: z.exactOptional(z.number()),
  level: z.exactOptional(z.enum(["reduced", "emergency"])),
  levelChange: z.exactOptional(z.object({ from: level, to: level })),
} satisfies Record<keyof RouteDecision, unknown>);

const unrecorded = z.object({
  operation,
  clientWire: wire,
  alias: text,
  tier: text,
  cache,
  failure: z.exactOptional(failureType),
  limit: z.exactOptional(limit),
  count,
});

const wideEvent = z.object({
  v: z.literal(1),
  requestId: identifier,
  tenant: identifier,
  keyId: identifier,
  user: z.exactOptional(identifier),
  endUserHash: z.exactOptional(text),
  tier: text,
  operation,
  clientWire: wire,
  alias: text,
  stream: z.boolean(),
  startedAt: moment,
  endedAt: moment,
  outcome,
  failure: z.exactOptional(failureType),
  limit: z.exactOptional(limit),
  status: z.int().check(z.minimum(0), z.maximum(999)),
  cache,
  routing: z.exactOptional(routing),
  backend: z.exactOptional(text),
  model: z.exactOptional(text),
  attempts: z.array(attempt).check(z.maxLength(100), z.refine(hasDistinctOrdinals, "ordinals repeat")),
  usage: z.exactOptional(usage),
  estimated: z.boolean(),
  costNanoUsd: count,
  reservedNanoUsd: count,
  firstTokenMs: z.exactOptional(duration),
  decisions: z.array(decision).check(z.maxLength(200)),
  translations: z.array(z.object({ field: text, what: translation })).check(z.maxLength(500)),
  configVersion: text,
  overlayVersion: count,
  traceId: text,
  spanId: text,
  parentSpanId: z.exactOptional(text),
  unleased: z.exactOptional(z.boolean()),
  unrecorded: z.exactOptional(z.array(unrecorded).check(z.maxLength(100))),
});

/** Reads one event from parsed JSON. Never throws. */
export function readEvent(value: unknown): EventReading {
  const reading = wideEvent.safeParse(value);
  if (reading.success) return { ok: true, event: reading.data };
  const [issue] = reading.error.issues;
  return { ok: false, path: issue?.path.join(".") || "(event)", reason: issue?.code ?? "unknown" };
}

/** The members of a union as a list that the compiler knows to be complete. */
function words<Word extends string>(all: Readonly<Record<Word, true>>): Word[] {
  return Object.keys(all) as Word[];
}

function isStorable(value: string): boolean {
  return value.isWellFormed() && !value.includes("\0");
}

function mended(value: string): string {
  return value.slice(0, MAX_TEXT_LENGTH).toWellFormed().replaceAll("\0", REPLACEMENT);
}

function hasDistinctOrdinals(attempts: readonly { readonly ordinal: number }[]): boolean {
  return new Set(attempts.map((one) => one.ordinal)).size === attempts.length;
}
