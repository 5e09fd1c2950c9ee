import type { Failure } from "../../core/failure.ts";
import { isJsonObject, type Json } from "../../core/json.ts";
import type { FailedResponse, RateState, RateWindow, WireFailure } from "../../core/wire.ts";
import { failureHeaders, type Told } from "../failure-headers.ts";
import { type UpstreamError, upstreamFailure } from "../upstream-failure.ts";

/** `{"type": "error", "error": {"type", "message"}}`. */
export function readError(json: Json): UpstreamError {
  if (!isJsonObject(json)) return {};
  const { message, type } = isJsonObject(json.error) ? json.error : json;
  return {
    ...(typeof message === "string" && { message }),
    ...(typeof type === "string" && { code: type }),
  };
}

export function decodeFailure(response: FailedResponse): Failure {
  return upstreamFailure(response, readError);
}

/**
 * Statuses and error types as Anthropic's API reference ("Errors") and the types of its SDK know them. Exhaustive: a new failure type does not compile
 * without its line. The format has no code beside the type.
 */
function tell(failure: Failure): Told {
  const told = (status: number, type: string, retryable?: boolean): Told =>
    retryable === undefined ? { status, type, code: null } : { status, type, code: null, retryable };
  switch (failure.type) {
    case "caller_bad_request":
      return told(failure.status ?? 400, "invalid_request_error");
    case "caller_body_too_large":
      return told(413, "invalid_request_error");
    case "caller_unsupported_media_type":
      return told(415, "invalid_request_error");
    case "caller_unauthenticated":
      return told(401, "authentication_error");
    case "caller_forbidden":
      return told(403, "permission_error");
    case "caller_not_found":
    case "caller_model_not_found":
      return told(404, "not_found_error");
    case "caller_method_not_allowed":
      return told(405, "invalid_request_error");
    case "caller_rate_limited":
      return told(429, "rate_limit_error");
    case "caller_budget_exhausted":
      return told(402, "billing_error", false);
    case "caller_conflict":
      return told(409, "invalid_request_error");
    case "caller_cancelled":
      return told(499, "invalid_request_error", false);
    case "policy_refused":
      return told(400, "invalid_request_error");
    case "backend_rejected":
      return told(failure.status ?? 400, failure.status === 404 ? "not_found_error" : "invalid_request_error");
    case "backend_unavailable":
      return told(503, "api_error");
    case "backend_overloaded":
      return told(529, "overloaded_error");
    case "backend_timeout":
      return told(504, "timeout_error");
    case "backend_unauthorized":
    case "backend_protocol":
    case "backend_cut":
    case "backend_stream_error":
      return told(502, "api_error");
    case "gateway_unavailable":
      return told(503, "api_error");
    case "gateway_not_implemented":
      return told(501, "api_error", false);
    case "gateway_internal":
      return told(500, "api_error");
  }
}

/** The body of a failed reply, and the data of the `error` event that ends a broken stream. The field at fault is part of the sentence. */
export function errorBody(failure: Failure, requestId: string): string {
  const { param, message } = failure;
  const sentence = param === undefined || message.includes(param) ? message : `${param}: ${message}`;
  return JSON.stringify({
    type: "error",
    error: { type: tell(failure).type, message: sentence },
    request_id: requestId,
  });
}

export function encodeFailure(failure: Failure, requestId: string): WireFailure {
  const told = tell(failure);
  return { status: told.status, headers: failureHeaders(failure, told), body: errorBody(failure, requestId) };
}

/** `anthropic-ratelimit-{requests,tokens}-{limit,remaining,reset}`; the reset is a moment (RFC 3339, UTC). */
export function rateHeaders(rate: RateState): Record<string, string> {
  return { ...windowHeaders("requests", rate.requests), ...windowHeaders("tokens", rate.tokens) };
}

function windowHeaders(unit: "requests" | "tokens", window: RateWindow | undefined): Record<string, string> {
  if (!window) return {};
  return {
    [`anthropic-ratelimit-${unit}-limit`]: String(Math.max(0, Math.floor(window.limit))),
    [`anthropic-ratelimit-${unit}-remaining`]: String(Math.max(0, Math.floor(window.remaining))),
    [`anthropic-ratelimit-${unit}-reset`]: moment(window.resetAtMs),
  };
}

/** Whole seconds, rounded up: a client that waits until then does not come a moment early. */
function moment(atMs: number): string {
  const LAST = 253_402_300_799_000; // the end of the year 9999, beyond which RFC 3339 has no year
  return new Date(Math.min(LAST, Math.ceil(atMs / 1000) * 1000)).toISOString().replace(".000Z", "Z");
}
