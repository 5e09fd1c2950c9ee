import { type Answer, isText } from "../core/answer.ts";
import type { Admitted, LiveAnswer } from "../core/exchange.ts";
import { type Failure, INTERNAL } from "../core/failure.ts";
import type { Json } from "../core/json.ts";
import { refusedMediaUrl } from "../core/media-urls.ts";
import type { Seat } from "../core/ports.ts";
import { fail, ok, type Result } from "../core/result.ts";
import type { AttemptRequest, FailedResponse, WireRequest } from "../core/wire.ts";
import { retryAfterMsOf } from "../lib/backoff.ts";
import { toBase64 } from "../lib/hash.ts";
import { readTextUpTo } from "../lib/read.ts";
import { formatTraceparent } from "../telemetry/trace.ts";
import { nameIn } from "../wire/names.ts";
import { beyondBackend } from "../wire/quirks.ts";
import { BackendStream } from "./backend-stream.ts";
import type { Gateway } from "./gateway.ts";
import { ownMembersOf, quirksOf } from "./own-members.ts";
import { asAsked } from "./ranks.ts";
import { isFollowed, type Patience, patienceForWhole } from "./relief.ts";
import { CANCELLED, cut, type PlannedAttempt, protocol, RunningAttempt, timedOut } from "./running-attempt.ts";
import { sit } from "./seat.ts";
import { isStreamed } from "./streamed.ts";

/** A backend's whole JSON answer may be this large. */
const ANSWER_MAX_BYTES = 32 * 1024 * 1024;
const FAILURE_MAX_BYTES = 64 * 1024;

/**
 * Tries one backend up to the point of no return: the first real token of a stream, or a whole JSON answer.
 * Everything before that is a failure that another attempt may mend.
 */
export async function attempt(
  planned: PlannedAttempt,
  exchange: Admitted,
  gateway: Gateway,
): Promise<Result<LiveAnswer>> {
  const { backend, wire } = planned;
  const { collectJson } = backend;
  const { totalMs } = planned.deadlines;
  const stream = isStreamed({ streams: wire.streams, collectJson, totalMs, isFollowed: isFollowed(planned) }, exchange);
  const passing = wire.name === exchange.wire.name ? exchange.body : undefined;
  const refused = refusedMediaUrl(exchange.draft, backend.imageUrls, passing);
  if (refused) return fail(refused);
  const usual = ownMembersOf(backend, exchange, gateway);
  const ownMembers = { ...(usual instanceof Promise ? await usual : usual), ...planned.ownMembers };
  const request: AttemptRequest = {
    draft: exchange.draft,
    body: exchange.body,
    clientWire: exchange.wire.name,
    model: planned.model,
    stream,
    ...(exchange.maxOutputTokens !== undefined && { maxOutputTokens: exchange.maxOutputTokens }),
    quirks: quirksOf(backend),
    ownMembers,
  };
  const beyond = beyondBackend(request);
  if (beyond) return fail(beyond);
  const encoded = wire.encodeRequest(request);
  if (!encoded.ok) return encoded;
  exchange.notes.translations.push(...encoded.value.translations);
  const sat = backend.seats ? await sit(planned, backend.seats, exchange, gateway) : undefined;
  if (sat?.ok === false) return sat;
  const { planned: seated, seat } = sat?.value ?? { planned };
  // Another won meanwhile: this one was never sent, and owes nothing.
  if (planned.withdrawal?.gone) {
    seat?.release("stopped");
    return fail(CANCELLED);
  }
  return send(seated, seat, encoded.value, stream, exchange, gateway);
}

/** The attempt behind its wait. A bug leaves a record, gives the seat back and stops the backend like any other end, and is thrown on. */
async function send(
  planned: PlannedAttempt,
  seat: Seat | undefined,
  request: WireRequest,
  stream: boolean,
  exchange: Admitted,
  gateway: Gateway,
): Promise<Result<LiveAnswer>> {
  const { backend, deadlines } = planned;
  const { ms, shared }: Patience = stream ? { ms: deadlines.connectMs } : patienceForWhole(planned, exchange.draft);
  let running: RunningAttempt | undefined;
  let late = false;
  let inTime = (): void => undefined;
  try {
    const begun = new RunningAttempt(planned, exchange, gateway, seat);
    running = begun;
    const call = {
      backend,
      request,
      requestId: exchange.requestId,
      traceparent: formatTraceparent(exchange.trace),
      stream,
    };
    inTime = exchange.alarm.after(ms, () => {
      late = true;
      begun.stop();
    });
    planned.onSent?.();
    const sent = await gateway.transport.send(call, begun.signal);
    if (!sent.ok) return begun.failed(late ? timedOut(shared ?? "headers") : sent.failure);
    const response = sent.value;
    running.begun = true;
    const type = response.headers.get("content-type") ?? "";
    if (!response.ok || response.status === 204) return begun.failed(await failureOf(response, begun));
    if (stream && type.includes("text/event-stream")) {
      inTime();
      return await BackendStream.open(begun, response);
    }
    return await whole(begun, response, type, () => (late ? timedOut(shared ?? "total") : undefined), stream);
  } catch (bug) {
    if (running) running.failed(INTERNAL);
    else seat?.release("stopped");
    throw bug;
  } finally {
    inTime();
  }
}

async function whole(
  running: RunningAttempt,
  response: Response,
  contentType: string,
  lateness: () => Failure | undefined,
  streamWanted: boolean,
): Promise<Result<LiveAnswer>> {
  const { wire } = running.planned;
  const { inputTokens, draft } = running.exchange;
  const read = await readTextUpTo(response, ANSWER_MAX_BYTES);
  /**
   * A part of an answer was made, and is owed for, though nobody can use it. Not where a stream was asked for and another step follows: what is left before
   * its first token has nothing reserved.
   */
  const partly = () => {
    if (draft.operation === "tokenize" || (streamWanted && isFollowed(running.planned))) return undefined;
    const outputTokens = Math.min(Math.ceil(read.bytes / 4), running.mostOutputTokens);
    return { usage: { inputTokens, outputTokens }, estimated: true };
  };
  if (!read.ok) {
    const failure = lateness() ?? {
      type: "backend_cut",
      message: "The backend's answer broke off.",
      detail: read.problem,
    };
    return running.failed(failure, contentType.includes("json") ? partly() : undefined);
  }
  if (!contentType.includes("json")) {
    return running.failed(
      wire.decodeFailure({ status: 502, contentType, body: read.text.slice(0, FAILURE_MAX_BYTES) }),
    );
  }
  const json = parseJson(read.text);
  if (read.bytes === 0) return running.failed(cut("empty"));
  if (json === undefined) return running.failed(protocol("body_not_json"), partly());
  const decoded = wire.decodeAnswer(json);
  if (!decoded.ok) {
    // A success status over an error body: what the format makes of the error counts.
    const inner = wire.decodeFailure({ status: 502, contentType, body: read.text.slice(0, FAILURE_MAX_BYTES) });
    return running.failed({
      ...inner,
      detail: `${streamWanted ? "json_instead_of_stream" : "error_body_with_success_status"}`,
    });
  }
  const asked = asAsked(draft, decoded.value);
  if (!asked.ok) return running.failed(asked.failure, partly());
  const { changed } = asked.value;
  const answer = inAskedEncoding(asked.value.answer, running);
  running.close("completed", usedBy(answer, read.text, running));
  return ok({ kind: "whole", wire, origin: running.origin, answer, ...(!changed && { text: read.text }) });
}

/** What a whole answer used, the parts that nobody reported estimated. A count of tokens uses none. */
function usedBy(answer: Answer, text: string, { exchange, mostOutputTokens }: RunningAttempt) {
  if (answer.operation === "tokenize") return undefined;
  const { usage } = answer;
  const isOutputUnknown = isText(answer) && usage?.outputTokens === undefined;
  return {
    usage: {
      ...usage,
      inputTokens: usage?.inputTokens ?? exchange.inputTokens,
      ...(isOutputUnknown && { outputTokens: Math.min(Math.ceil(text.length / 4), mostOutputTokens) }),
    },
    estimated: usage?.inputTokens === undefined || isOutputUnknown,
  };
}

/** Vectors of a backend of another format that knows no base64, for a caller who asked for it (as OpenAI's own client does). */
function inAskedEncoding(answer: Answer, { exchange, planned }: RunningAttempt): Answer {
  const { draft, wire } = exchange;
  if (answer.operation !== "embed" || draft.operation !== "embed") return answer;
  if (draft.encoding !== "base64" || planned.wire.name === wire.name) return answer;
  return { ...answer, vectors: answer.vectors.map((vector) => (typeof vector === "string" ? vector : packed(vector))) };
}

/** Little-endian float32, as OpenAI packs vectors. */
function packed(vector: readonly number[]): string {
  const view = new DataView(new ArrayBuffer(vector.length * 4));
  for (const [index, number] of vector.entries()) view.setFloat32(index * 4, number, true);
  return toBase64(new Uint8Array(view.buffer));
}

async function failureOf(response: Response, { planned, exchange, gateway }: RunningAttempt): Promise<Failure> {
  const read = await readTextUpTo(response, FAILURE_MAX_BYTES);
  const failed: FailedResponse = {
    status: response.status,
    contentType: response.headers.get("content-type") ?? "",
    body: read.text,
  };
  const retryAfterMs = retryAfterMsOf(response.headers, gateway.clock.now());
  const failure = planned.wire.decodeFailure(retryAfterMs === undefined ? failed : { ...failed, retryAfterMs });
  // Of a request that was built here, the caller knows the conversation, and not where a message of it stands.
  const isForeign = planned.wire.name !== exchange.wire.name;
  return isForeign && failure.param?.startsWith(nameIn(planned.wire.name, "messages"))
    ? { ...failure, param: nameIn(exchange.wire.name, "messages") }
    : failure;
}

function parseJson(text: string): Json | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
