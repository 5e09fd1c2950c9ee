import type { Failure } from "../core/failure.ts";
import { isJsonObject, type Json, type JsonObject } from "../core/json.ts";
import { fail, ok, type Result } from "../core/result.ts";
import type { FailedResponse } from "../core/wire.ts";
import { protocolFailure } from "./frames.ts";
import { maskForCaller } from "./mask.ts";

/** What a format's error body says, in the words that both formats share. */
export interface UpstreamError {
  readonly message?: string;
  readonly code?: string;
  readonly param?: string;
}

/**
 * A backend's reply that is no success, as a failure. Shared by all formats: `read` finds message, code and field in the format's own
 * error body. Only a refusal of the request (400, 413, 422 with a JSON body, a 404 of what the caller named) reaches the caller in the backend's words, masked; all else is told in
 * ours, and `detail` tells the operator which it was.
 */
export function upstreamFailure(response: FailedResponse, read: (json: Json) => UpstreamError): Failure {
  const { status, contentType, body, retryAfterMs } = response;
  const json = isJsonType(contentType) ? parsed(body) : undefined;
  const error = json === undefined ? {} : read(json);
  const code = safeCode(error.code);
  const when = retryAfterMs === undefined ? {} : { retryAfterMs };
  const detail = code ? `status_${status}:${code}` : `status_${status}`;
  if (isQuotaSpent(status, code, error.message)) return misconfigured("backend_quota");
  // A model server says in its own words, or at least for how long, that it is busy. A 503 that does neither is of a proxy that found nobody behind it.
  const isBusy = status === 503 ? json !== undefined || retryAfterMs !== undefined : status === 429 || status === 529;
  if (isBusy) return { type: "backend_overloaded", message: "The backend is busy.", ...when, detail };
  switch (status) {
    case 408:
    case 504:
      return { type: "backend_timeout", message: "The backend did not answer in time.", ...when, detail };
  }
  const tunnel = tunnelDetail(status, contentType, body);
  if (tunnel || json === undefined) {
    return unavailable(
      tunnel ?? (isJsonType(contentType) ? "malformed_json" : `unexpected_content_type:${status}`),
      when,
    );
  }
  switch (status) {
    case 401:
    case 403:
      return { type: "backend_unauthorized", message: "The backend did not accept the gateway.", detail };
    case 404:
      return isModel(code, error)
        ? misconfigured("model_not_found")
        : isNamedByCaller(error)
          ? rejected(status, error, code, detail)
          : misconfigured(detail);
    case 400:
    case 413:
    case 422:
      return rejected(status, error, code, detail);
    default:
      // It was reached, and said itself that it failed.
      return { ...unavailable(detail, when), message: "The backend met with an error." };
  }
}

/** What the operator has to mend, or to pay for: no wait of a caller's helps, another backend may. */
function misconfigured(detail: string): Failure {
  return {
    type: "backend_unavailable",
    message: "The backend cannot be used at the moment.",
    retryable: false,
    detail,
  };
}

/** The path and the model are words of the configuration: a server that was started with another model says 404 to whatever it is asked. */
function isModel(code: string | undefined, { message = "", param }: UpstreamError): boolean {
  return code === "model_not_found" || param === "model" || /\bmodels?\b/i.test(message);
}

/** A thing that the caller named by its id. */
function isNamedByCaller({ message = "", param }: UpstreamError): boolean {
  return param !== undefined || NAMED.test(message);
}

const NAMED = /\b(?:file|cached ?content|response|container|vector ?store|conversation|prompt|item)s?\b/i;

/**
 * OpenAI's 429 `insufficient_quota` ("Error codes" of its API guide), Anthropic's 402 `billing_error`, and the 400 by which Anthropic tells of
 * credit that ran out: it has no code of its own.
 */
function isQuotaSpent(status: number, code: string | undefined, message: string | undefined): boolean {
  if (status === 402 || code === "insufficient_quota" || code === "billing_error") return true;
  return status === 400 && /^your credit balance is too low\b/i.test(message ?? "");
}

function rejected(status: number, error: UpstreamError, code: string | undefined, detail: string): Failure {
  const message = maskForCaller(error.message ?? "") || "The backend refused the request.";
  const known = isContextLength(code, message) ? "context_length_exceeded" : code;
  const param = error.param === undefined ? undefined : maskForCaller(error.param).slice(0, 128);
  return {
    type: "backend_rejected",
    message,
    status,
    retryable: false,
    ...(known && { code: known }),
    ...(param && { param }),
    detail,
  };
}

function unavailable(detail: string, when: { retryAfterMs?: number }): Failure {
  return { type: "backend_unavailable", message: "The backend cannot be reached at the moment.", ...when, detail };
}

/** What stands between us and the backend: the tunnel, the edge before it, the access policy. They speak HTML, and codes of their own. */
function tunnelDetail(status: number, contentType: string, body: string): string | undefined {
  if (status >= 300 && status < 400) return "access_redirect";
  if (status === 530 || /\b(?:error code: |error_code"?:\s?)1033\b/i.test(body.slice(0, 65_536))) {
    return body.includes("1033") ? "tunnel_down_1033" : "tunnel_down";
  }
  if (status === 524) return "tunnel_timeout_524";
  if (status >= 520 && status <= 527) return `edge_${status}`;
  if (isJsonType(contentType)) return undefined;
  if (status === 401 || status === 403) return "access_denied";
  if (status === 502) return "tunnel_no_origin";
  if (status === 404) return "tunnel_no_route";
  return undefined;
}

/** An error that came inside a stream or under a success status. The backend's words stay with us: here they are seldom about the request. */
export function streamFailure(error: Json): Failure {
  const { code, type } = isJsonObject(error) ? error : {};
  const word = safeCode(code) ?? safeCode(type) ?? "unnamed";
  return {
    type: "backend_stream_error",
    message: "The backend reported an error in the middle of its answer.",
    detail: `error_frame:${word}`,
  };
}

/** The object that an answer is. OpenAI and those who speak like it send an error under a success status too. */
export function answerObject(json: Json): Result<JsonObject> {
  if (!isJsonObject(json)) return fail(protocolFailure("answer_not_an_object"));
  if (json.error) return fail(streamFailure(json.error));
  return json.object === "error" ? fail(streamFailure(json)) : ok(json);
}

/** A code fit for labels and logs: a short word, nothing that could carry a secret. */
export function safeCode(code: Json | undefined): string | undefined {
  if (typeof code === "number") return Number.isInteger(code) ? String(code) : undefined;
  return typeof code === "string" && /^[a-z][a-z_]{1,47}$/i.test(code) ? code : undefined;
}

/** The formats have no common code for it: vLLM and Anthropic say it in their message. */
function isContextLength(code: string | undefined, message: string): boolean {
  if (code === "context_length_exceeded") return true;
  return /context (?:length|window)|prompt is too long|too many (?:input )?tokens|longer than the maximum model length/i.test(
    message,
  );
}

function isJsonType(contentType: string): boolean {
  return /^[\w.+-]{1,64}\/(?:[\w.-]{1,64}\+)?json\b/i.test(contentType);
}

function parsed(body: string): Json | undefined {
  try {
    return JSON.parse(body) as Json;
  } catch {
    return undefined;
  }
}
