import type { BodyLimits } from "../core/config.ts";
import type { Controls, Credentials, Departure, Received, Trace } from "../core/exchange.ts";
import { badRequest, type Failure } from "../core/failure.ts";
import { DISPLAY_NAME_MAX, NAMESPACE, REQUEST_ID } from "../core/identifiers.ts";
import type { Alarm, Chance, Clock } from "../core/ports.ts";
import { fail, ok, type Result } from "../core/result.ts";
import type { Wire } from "../core/wire.ts";
import { alarmClock, inTime } from "../lib/alarm.ts";
import { departure } from "../lib/departure.ts";
import { readInBulkUpTo } from "../lib/read.ts";
import { parseTraceparent } from "../telemetry/trace.ts";

/** How long a client may take to send a body whose length it declared, from the first byte to the last. */
const DECLARED_BODY_MS = 30_000;
/** A request that is over before this does not pay for word of its client's leaving. */
const WATCH_AFTER_MS = 200;
/** A body that declares at most this length is read whole by the runtime. */
const SMALL_BODY_BYTES = 65_536;

export type Envelope = Omit<Received, "bytes">;

/** Everything of a request but its body. No failure here: what is wrong with a header is said by `controlsOf`. */
export function envelopeOf(
  request: Request,
  wire: Wire,
  tools: { readonly clock: Clock; readonly chance: Chance },
  waitUntil: (promise: Promise<unknown>) => void,
): Envelope {
  const alarm = alarmClock();
  return {
    requestId: tools.chance.requestId(),
    receivedAt: tools.clock.now(),
    wire,
    credentials: credentialsOf(request.headers),
    controls: { noFallback: false, debugTranslation: false },
    trace: traceOf(request.headers, tools.chance),
    departure: departureOf(request, alarm),
    alarm,
    waitUntil,
    notes: { decisions: [], translations: [], attempts: [], attemptsBegun: 0 },
  };
}

/**
 * The client's departure, as the runtime tells it. A listener on the request's signal costs as much as reading the request, so it is
 * set only where the answer takes a while; a client that left before is noticed then.
 */
function departureOf(request: Request, alarm: Alarm): Departure {
  const leaving = departure();
  alarm.after(WATCH_AFTER_MS, () => {
    if (request.signal.aborted) leaving.leave();
    else request.signal.addEventListener("abort", () => leaving.leave(), { once: true });
  });
  return leaving;
}

/** `Authorization: Bearer` and `x-api-key` alike; the address as the edge saw it, never a header that a client can set. */
export function credentialsOf(headers: Headers): Credentials {
  const authorization = headers.get("authorization");
  const bearer = authorization === null ? undefined : (/^Bearer +(\S+)$/i.exec(authorization)?.[1] ?? "");
  const apiKey = headers.get("x-api-key");
  return {
    ...(bearer !== undefined && { bearer }),
    ...(apiKey !== null && { apiKey }),
    // Asked for of strangers alone.
    get address() {
      return headers.get("cf-connecting-ip") ?? "unknown";
    },
  };
}

function traceOf(headers: Headers, chance: Chance): Trace {
  const header = headers.get("traceparent");
  const given = header === null ? undefined : parseTraceparent(header);
  return {
    traceId: given?.traceId ?? chance.hex(16),
    spanId: chance.hex(8),
    ...(given && { parentSpanId: given.spanId }),
    sampled: given?.sampled ?? true,
  };
}

const MAX_TTL_SECONDS = 30 * 24 * 3_600;

/** The `x-gateway-…` headers, each validated; a wrong one is a 400 that names it, never ignored. */
export function controlsOf(headers: Headers): Result<Controls> {
  const cache = headers.get("x-gateway-cache");
  if (cache !== null && cache !== "on" && cache !== "off" && cache !== "refresh") {
    return fail(badRequest("Must be `on`, `off` or `refresh`.", "x-gateway-cache"));
  }
  const ttl = headers.get("x-gateway-cache-ttl");
  if (ttl !== null && !(/^\d{1,7}$/.test(ttl) && Number(ttl) <= MAX_TTL_SECONDS)) {
    return fail(badRequest(`Must be whole seconds, at most ${MAX_TTL_SECONDS}.`, "x-gateway-cache-ttl"));
  }
  const namespace = headers.get("x-gateway-cache-namespace");
  if (namespace !== null && !NAMESPACE.pattern.test(namespace)) {
    return fail(badRequest(`\`x-gateway-cache-namespace\` ${NAMESPACE.says}.`, "x-gateway-cache-namespace"));
  }
  const noFallback = headers.get("x-gateway-no-fallback");
  if (noFallback !== null && noFallback !== "true" && noFallback !== "false") {
    return fail(badRequest("Must be `true` or `false`.", "x-gateway-no-fallback"));
  }
  const labels = labelsOf(headers);
  if (!labels.ok) return labels;
  const debug = headers.get("x-gateway-debug");
  if (debug !== null && debug !== "translation") return fail(badRequest("Must be `translation`.", "x-gateway-debug"));
  return ok({
    ...(cache !== null && { cache }),
    ...(ttl !== null && { cacheTtlSeconds: Number(ttl) }),
    ...(namespace !== null && { cacheNamespace: namespace }),
    ...labels.value,
    noFallback: noFallback === "true",
    debugTranslation: debug !== null,
  });
}

const METADATA_MOST = 16;

/** What the caller says of the request for rules of routes. It never leaves the gateway. */
function labelsOf(headers: Headers): Result<Pick<Controls, "task" | "session" | "metadata">> {
  const task = headers.get("x-gateway-task");
  if (task !== null && !NAMESPACE.pattern.test(task))
    return fail(badRequest(`\`x-gateway-task\` ${NAMESPACE.says}.`, "x-gateway-task"));
  const session = headers.get("x-gateway-session");
  if (session !== null && !REQUEST_ID.pattern.test(session))
    return fail(badRequest(`\`x-gateway-session\` ${REQUEST_ID.says}.`, "x-gateway-session"));
  const metadata = metadataOf(headers.get("x-gateway-metadata"));
  if (metadata === null) {
    const says = `must be a JSON object of at most ${METADATA_MOST} texts, each of at most ${DISPLAY_NAME_MAX} characters`;
    return fail(badRequest(`\`x-gateway-metadata\` ${says}.`, "x-gateway-metadata"));
  }
  return ok({
    ...(task !== null && { task }),
    ...(session !== null && { session }),
    ...(metadata && { metadata }),
  });
}

/** Null where it is not what it should be. */
function metadataOf(header: string | null): Readonly<Record<string, string>> | null | undefined {
  if (header === null) return undefined;
  try {
    const entries = Object.entries(JSON.parse(header) ?? {});
    const fits = ([name, value]: [string, unknown]) =>
      NAMESPACE.pattern.test(name) && typeof value === "string" && value.length <= DISPLAY_NAME_MAX;
    return header.trimStart().startsWith("{") && entries.length <= METADATA_MOST && entries.every(fits)
      ? (Object.fromEntries(entries) as Record<string, string>)
      : null;
  } catch {
    return null;
  }
}

/** Whether the body is large, or may be: its length is not declared. */
export function mayBeLarge(headers: Headers): boolean {
  return !(Number(headers.get("content-length") ?? Number.NaN) <= SMALL_BODY_BYTES);
}

/**
 * The body, bounded in size and time. A sender that never ends is answered, not waited for: one that does not say how much will come has
 * `undeclaredBodyMs`, since nothing else tells a long body from an endless one.
 */
export async function readBody(request: Request, limits: BodyLimits, alarm: Alarm): Promise<Result<Uint8Array>> {
  const type = request.headers.get("content-type");
  if (type !== null && !/^application\/([a-z0-9.+-]+\+)?json\b/i.test(type)) {
    return fail({ type: "caller_unsupported_media_type", message: "Send the body as application/json." });
  }
  const encoding = request.headers.get("content-encoding") ?? "identity";
  if (!/^identity$/i.test(encoding)) {
    // What unpacks to more than was sent would make the limit on bytes a lie.
    return fail({ type: "caller_unsupported_media_type", message: "Send the body without a Content-Encoding." });
  }
  const declared = Number(request.headers.get("content-length") ?? Number.NaN);
  const { bodyBytes: maxBytes } = limits;
  if (declared > maxBytes) return fail(tooLarge(maxBytes));
  const read = await inTime(
    declared <= SMALL_BODY_BYTES ? readDeclared(request) : readInBulkUpTo(request.body, maxBytes),
    Number.isNaN(declared) ? limits.undeclaredBodyMs : DECLARED_BODY_MS,
    alarm,
  );
  if (read === undefined) return fail(Number.isNaN(declared) ? ENDLESS : LATE);
  if (read.problem === "too_large") return fail(tooLarge(maxBytes));
  if (read.problem === "broken_off") return fail(badRequest("The request body broke off."));
  return ok(read.data);
}

interface ReadBody {
  readonly data: Uint8Array;
  readonly problem?: "too_large" | "broken_off";
}

/** The runtime holds the sender to the length that it declared, and reads it whole: one call instead of a loop of our own. */
async function readDeclared(request: Request): Promise<ReadBody> {
  try {
    return { data: new Uint8Array(await request.arrayBuffer()) };
  } catch {
    return { data: new Uint8Array(0), problem: "broken_off" };
  }
}

/** A connection that stalled: the next may not, so the SDKs are left to try again, as they do after a 408. */
const LATE: Failure = {
  ...badRequest("The request body did not arrive in time.", undefined, "request_timeout"),
  status: 408,
};
/** The same request again would end the same way. A 400 is what every client knows not to send again; a 408 is not. */
const ENDLESS: Failure = {
  ...badRequest(
    "The request body did not end in time. Declare its length (Content-Length), and it may take longer.",
    undefined,
    "body_length_undeclared",
  ),
  retryable: false,
};

function tooLarge(maxBytes: number): Failure {
  return { type: "caller_body_too_large", message: `The request body is larger than ${maxBytes} bytes.` };
}
