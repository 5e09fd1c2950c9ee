import type { Failure } from "../../../core/failure.ts";
import type { Json } from "../../../core/json.ts";

/** What every reply of the admin API carries: nothing of it may be kept by a cache, for one of them holds a key. */
const HEADERS = { "content-type": "application/json; charset=utf-8", "cache-control": "no-store" };

export function reply(status: number, body: Json | object): Response {
  return new Response(JSON.stringify(body), { status, headers: HEADERS });
}

export function list(items: readonly object[], nextCursor?: string): Response {
  return reply(200, { object: "list", data: items, nextCursor: nextCursor ?? null });
}

/** `{error: {message, type, param, code}}`, with `Retry-After` where waiting can help. */
export function refusal(failure: Failure): Response {
  const { status, type } = wordFor(failure);
  const body = {
    error: { message: failure.message, type, param: failure.param ?? null, code: failure.code ?? failure.type },
  };
  const response = reply(status, body);
  if (status === 401) response.headers.set("www-authenticate", 'Bearer realm="admin"');
  if (failure.retryAfterMs !== undefined) {
    response.headers.set("retry-after", String(Math.max(1, Math.ceil(failure.retryAfterMs / 1_000))));
  }
  return response;
}

/** Milliseconds since the epoch as ISO 8601, null where there is none. */
export function isoOrNull(moment: number | undefined): string | null {
  return moment === undefined ? null : new Date(moment).toISOString();
}

function wordFor(failure: Failure): { readonly status: number; readonly type: string } {
  switch (failure.type) {
    case "caller_bad_request":
      return { status: 400, type: "invalid_request_error" };
    case "caller_body_too_large":
      return { status: 413, type: "invalid_request_error" };
    case "caller_unauthenticated":
      return { status: 401, type: "authentication_error" };
    case "caller_forbidden":
      return { status: 403, type: "permission_error" };
    case "caller_not_found":
      return { status: 404, type: "not_found_error" };
    case "caller_method_not_allowed":
      return { status: 405, type: "invalid_request_error" };
    case "caller_conflict":
      return { status: 409, type: "conflict_error" };
    case "gateway_unavailable":
      return { status: 503, type: "unavailable_error" };
    case "gateway_not_implemented":
      return { status: 501, type: "not_implemented_error" };
    default:
      return { status: 500, type: "internal_error" };
  }
}
