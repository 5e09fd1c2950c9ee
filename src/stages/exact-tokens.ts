import { breakerOf, byHand } from "../core/breaker.ts";
import { type Backend, modelNameOf, type Target } from "../core/config.ts";
import type { Authenticated } from "../core/exchange.ts";
import { formatFor } from "../core/formats.ts";
import { refusedMediaUrl } from "../core/media-urls.ts";
import { readTextUpTo } from "../lib/read.ts";
import { phaseOf } from "../routing/breaker.ts";
import { formatTraceparent } from "../telemetry/trace.ts";
import { wires } from "../wire/registry.ts";
import type { Gateway } from "./gateway.ts";
import { quirksOf } from "./own-members.ts";

/** What a route that wants to know exactly may wait before admission. */
const EXACT_DEADLINE_MS = 1_000;
/** vLLM repeats the tokens' ids: some eight bytes a token. */
const COUNT_MAX_BYTES = 16 * 1024 * 1024;

/**
 * The input's tokens by the target's own tokenizer, for routes with `exactTokens`: one call more, before admission. Fails open: undefined where the
 * target cannot count, or not in time, and the estimate stands. A fallback on another model may count otherwise; settlement charges what it reports.
 */
export async function exactInputTokens(
  exchange: Authenticated,
  target: Target,
  backend: Backend | undefined,
  gateway: Gateway,
): Promise<number | undefined> {
  const startedAt = gateway.clock.now();
  const note = (decision: string, reason: string) =>
    exchange.notes.decisions.push({ step: "resolve", decision, reason, ioMs: gateway.clock.now() - startedAt });
  const counted = await ask(exchange, target, backend, gateway);
  if (typeof counted === "number") note("exact_tokens", target.backend);
  else note("estimated_tokens", counted);
  return typeof counted === "number" ? counted : undefined;
}

/** The count, or in one word why there is none. */
async function ask(
  exchange: Authenticated,
  target: Target,
  backend: Backend | undefined,
  gateway: Gateway,
): Promise<number | string> {
  const { draft, body, wire: clientWire, alarm, trace, requestId, departure } = exchange;
  const format = backend && formatFor(backend, "tokenize");
  if (!backend || !format || !gateway.availableBackends.has(backend.name)) return "no_tokenizer";
  const config = gateway.config();
  if (config.disabledBackends.has(backend.name)) return "disabled";
  const state = gateway.breakers.state(breakerOf(target));
  if (phaseOf(state, gateway.clock.now(), byHand(config, target)) === "open") return "breaker_open";
  if (draft.operation !== "chat") return "not_a_chat";
  if (refusedMediaUrl(draft, backend.imageUrls)) return "refused_address";
  const wire = wires[format];
  const request = wire.encodeRequest({
    draft: { operation: "tokenize", model: draft.model, chat: draft, unknownFields: draft.unknownFields },
    body,
    clientWire: clientWire.name,
    model: modelNameOf(target),
    stream: false,
    quirks: quirksOf(backend),
  });
  if (!request.ok) return "untranslatable";
  const abort = new AbortController();
  const inTime = alarm.after(EXACT_DEADLINE_MS, () => abort.abort());
  const forget = departure.onGone(() => abort.abort());
  try {
    const traceparent = formatTraceparent(trace);
    const call = { backend, request: request.value, requestId, traceparent, stream: false };
    const sent = await gateway.transport.send(call, abort.signal);
    if (!sent.ok) return abort.signal.aborted ? "too_slow" : "unreachable";
    const read = await readTextUpTo(sent.value, COUNT_MAX_BYTES);
    if (!sent.value.ok) return `status_${sent.value.status}`;
    if (!read.ok) return abort.signal.aborted ? "too_slow" : "broken_off";
    const answer = wire.decodeAnswer(JSON.parse(read.text));
    return answer.ok && answer.value.operation === "tokenize" ? answer.value.inputTokens : "not_understood";
  } catch {
    // Text that is no JSON.
    return "not_understood";
  } finally {
    inTime();
    forget();
  }
}
