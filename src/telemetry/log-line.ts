import { maskCredentials } from "../core/credentials.ts";
import type { WideEvent } from "../core/wide-event.ts";

/** What callers and drivers can make long is cut to this. */
const MAX_TEXT = 200;

/**
 * The one log line of a request, as JSON on one line. Its fields are a closed list: what is not named here is not logged. Everything
 * that is not a name out of the configuration is masked where it looks like a credential.
 */
export function logLine(event: WideEvent): string {
  return JSON.stringify({
    level: levelOf(event),
    message: "request",
    time: new Date(event.endedAt).toISOString(),
    request_id: clean(event.requestId),
    trace_id: event.traceId,
    span_id: event.spanId,
    parent_span_id: event.parentSpanId,
    tenant: clean(event.tenant),
    key_id: clean(event.keyId),
    user: event.user === undefined ? undefined : clean(event.user),
    tier: event.tier,
    operation: event.operation,
    wire: event.clientWire,
    alias: event.alias,
    stream: event.stream,
    outcome: event.outcome,
    status: event.status,
    error_type: event.failure,
    limit: event.limit === undefined ? undefined : `${event.limit.level}.${event.limit.unit}`,
    cache: event.cache,
    backend: event.backend,
    model: event.model,
    duration_ms: event.endedAt - event.startedAt,
    first_token_ms: event.firstTokenMs,
    input_tokens: event.usage?.inputTokens,
    output_tokens: event.usage?.outputTokens,
    cached_input_tokens: event.usage?.cachedInputTokens,
    reasoning_tokens: event.usage?.reasoningTokens,
    estimated: event.estimated,
    cost_nano_usd: event.costNanoUsd,
    attempts: event.attempts.map((attempt) => ({
      backend: attempt.backend,
      model: attempt.model,
      outcome: attempt.outcome,
      error_type: attempt.failure,
      detail: attempt.detail === undefined ? undefined : clean(attempt.detail),
      duration_ms: attempt.durationMs,
      first_token_ms: attempt.firstTokenMs,
      cost_nano_usd: attempt.costNanoUsd,
    })),
    decisions: event.decisions.map(({ step, decision, reason, ioMs }) =>
      [
        step,
        clean(decision),
        reason === undefined ? undefined : clean(reason),
        ioMs === undefined ? undefined : `${ioMs}ms`,
      ]
        .filter((part) => part !== undefined)
        .join(" "),
    ),
    translations: event.translations.map(({ field, what }) => `${what} ${clean(field)}`),
    config_version: event.configVersion,
    overlay_version: event.overlayVersion,
    unleased: event.unleased,
  });
}

/** The line of a thrown bug: its kind, its message and where it came from, masked. Never a body. */
export function bugLine(bug: unknown, requestId: string, now: number): string {
  const error =
    bug instanceof Error ? bug : new Error(typeof bug === "string" ? bug : "something that is no error was thrown");
  const frames = (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  return JSON.stringify({
    level: "error",
    message: "bug",
    time: new Date(now).toISOString(),
    request_id: clean(requestId),
    error: clean(error.name),
    detail: clean(error.message),
    stack: frames.slice(0, 8).map((frame) => clean(frame.trim())),
  });
}

/** Once an isolate: what of the configuration its environment leaves out, by the names of variables. */
export function leftOutLine(lines: readonly string[], now: number): string {
  return JSON.stringify({ level: "warn", message: "left_out", time: new Date(now).toISOString(), warnings: lines });
}

/** Ours is an error, the backends' a warning, the callers' (and success) information. */
function levelOf({ failure, outcome }: WideEvent): "info" | "warn" | "error" {
  if (failure?.startsWith("gateway_")) return "error";
  return failure?.startsWith("backend_") || outcome === "abandoned" ? "warn" : "info";
}

function clean(text: string): string {
  const masked = maskCredentials(text);
  return masked.length > MAX_TEXT ? `${masked.slice(0, MAX_TEXT)}…` : masked;
}
