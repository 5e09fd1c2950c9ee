import type { Failure } from "../../core/failure.ts";
import { isJsonObject, type Json } from "../../core/json.ts";
import type { FailedResponse, RateState, RateWindow, WireFailure } from "../../core/wire.ts";
import { failureHeaders, type Told } from "../failure-headers.ts";
import { type UpstreamError, upstreamFailure } from "../upstream-failure.ts";

/** OpenAI's error body, vLLM's older flat one (`{"object": "error", …}`), and FastAPI's `{"detail": …}`. */
export function readError(json: Json): UpstreamError {
  if (!isJsonObject(json)) return {};
  const error = isJsonObject(json.error) ? json.error : json;
  const { code, type, param } = error;
  const message = error.message ?? (typeof json.error === "string" ? json.error : json.detail);
  const word = typeof code === "string" ? code : type;
  return {
    ...(typeof message === "string" && { message }),
    ...(typeof word === "string" && { code: word }),
    ...(typeof param === "string" && { param }),
  };
}

export function decodeFailure(response: FailedResponse): Failure {
  return upstreamFailure(response, readError);
}

/**
 * Statuses, types and codes as OpenAI's API reference ("Error codes") and its SDKs know them. Exhaustive: a new failure type does not compile
 * without its line.
 */
function tell(failure: Failure): Told {
  const invalid = "invalid_request_error";
  const { code } = failure;
  switch (failure.type) {
    case "caller_bad_request":
      return { status: failure.status ?? 400, type: invalid, code: code ?? null };
    case "caller_body_too_large":
      return { status: 413, type: invalid, code: code ?? "request_too_large" };
    case "caller_unsupported_media_type":
      return { status: 415, type: invalid, code: code ?? "unsupported_media_type" };
    case "caller_unauthenticated":
      return { status: 401, type: invalid, code: code ?? "invalid_api_key" };
    case "caller_forbidden":
      return { status: 403, type: "permission_error", code: code ?? "permission_denied" };
    case "caller_not_found":
      return { status: 404, type: invalid, code: code ?? "not_found" };
    case "caller_method_not_allowed":
      return { status: 405, type: invalid, code: code ?? "method_not_allowed" };
    case "caller_model_not_found":
      return { status: 404, type: invalid, code: code ?? "model_not_found", param: "model" };
    case "caller_rate_limited":
      return {
        status: 429,
        type: failure.limit?.unit === "tokens" ? "tokens" : "requests",
        code: code ?? "rate_limit_exceeded",
      };
    case "caller_budget_exhausted":
      return { status: 429, type: "insufficient_quota", code: "insufficient_quota", retryable: false };
    case "caller_conflict":
      return { status: 409, type: invalid, code: code ?? "conflict" };
    case "caller_cancelled":
      return { status: 499, type: invalid, code: code ?? "request_cancelled", retryable: false };
    case "policy_refused":
      return { status: 400, type: invalid, code: code ?? "policy_refused" };
    case "backend_rejected":
      return { status: failure.status ?? 400, type: invalid, code: code ?? null };
    case "backend_unavailable":
      return { status: 503, type: "server_error", code: code ?? "backend_unavailable" };
    case "backend_overloaded":
      return { status: 503, type: "server_error", code: code ?? "backend_overloaded" };
    case "backend_timeout":
      return { status: 504, type: "server_error", code: code ?? "backend_timeout" };
    case "backend_unauthorized":
      return { status: 502, type: "server_error", code: code ?? "backend_unauthorized" };
    case "backend_protocol":
      return { status: 502, type: "server_error", code: code ?? "backend_protocol" };
    case "backend_cut":
      return { status: 502, type: "server_error", code: code ?? "backend_cut" };
    case "backend_stream_error":
      return { status: 502, type: "server_error", code: code ?? "backend_stream_error" };
    case "gateway_unavailable":
      return { status: 503, type: "server_error", code: code ?? "gateway_unavailable" };
    case "gateway_not_implemented":
      return { status: 501, type: invalid, code: code ?? "not_implemented", retryable: false };
    case "gateway_internal":
      return { status: 500, type: "server_error", code: code ?? "internal_error" };
  }
}

/** The error object of a reply, and of the frame that ends a broken stream: without an HTTP status the code tells what happened. */
export function errorBody(failure: Failure, requestId: string): string {
  const { type, code, param } = tell(failure);
  const error = { message: failure.message, type, param: failure.param ?? param ?? null, code };
  return JSON.stringify({ error, request_id: requestId });
}

/** OpenAI's SDKs wait as they are told up to this long; told more, they try again within seconds all the same. */
const LONGEST_WAIT_MS = 60_000;

export function encodeFailure(failure: Failure, requestId: string): WireFailure {
  const told = tell(failure);
  const headers = {
    ...failureHeaders(failure, told),
    ...((failure.retryAfterMs ?? 0) > LONGEST_WAIT_MS && { "x-should-retry": "false" }),
  };
  return { status: told.status, headers, body: errorBody(failure, requestId) };
}

/** `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`; the reset is a duration until the bucket is full. */
export function rateHeaders(rate: RateState): Record<string, string> {
  const headers: Record<string, string> = {};
  if (rate.requests) addWindow(headers, REQUESTS, rate.requests);
  if (rate.tokens) addWindow(headers, TOKENS, rate.tokens);
  return headers;
}

const namesFor = (unit: "requests" | "tokens") => ({
  limit: `x-ratelimit-limit-${unit}`,
  remaining: `x-ratelimit-remaining-${unit}`,
  reset: `x-ratelimit-reset-${unit}`,
});
const REQUESTS = namesFor("requests");
const TOKENS = namesFor("tokens");

function addWindow(headers: Record<string, string>, names: typeof REQUESTS, window: RateWindow): void {
  headers[names.limit] = String(Math.max(0, Math.floor(window.limit)));
  headers[names.remaining] = String(Math.max(0, Math.floor(window.remaining)));
  headers[names.reset] = duration(window.resetMs);
}

/** A duration as OpenAI writes it, which is Go's way: `12ms`, `1.5s`, `1m2.5s`, `6m0s`, `1h0m0s`. */
export function duration(ms: number): string {
  const whole = Math.max(0, Math.ceil(ms));
  if (whole === 0) return "0s";
  if (whole < 1000) return `${whole}ms`;
  const hours = Math.floor(whole / 3_600_000);
  const minutes = Math.floor((whole % 3_600_000) / 60_000);
  const seconds = `${(whole % 60_000) / 1000}s`;
  if (hours > 0) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}
