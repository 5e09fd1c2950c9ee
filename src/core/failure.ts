/**
 * The closed list of what can go wrong, by fault domain. It is the label `error.type` of metrics and events.
 * `caller_*`: the request; `policy_*`: a rule of the operator; `backend_*`: the other side; `gateway_*`: ourselves.
 */
export type FailureType =
  | "caller_bad_request"
  | "caller_body_too_large"
  | "caller_unsupported_media_type"
  | "caller_unauthenticated"
  | "caller_forbidden"
  | "caller_not_found"
  | "caller_method_not_allowed"
  | "caller_model_not_found"
  | "caller_rate_limited"
  | "caller_budget_exhausted"
  | "caller_conflict"
  | "caller_cancelled"
  | "policy_refused"
  | "backend_rejected"
  | "backend_unavailable"
  | "backend_overloaded"
  | "backend_timeout"
  | "backend_unauthorized"
  | "backend_protocol"
  | "backend_cut"
  | "backend_stream_error"
  | "gateway_unavailable"
  | "gateway_not_implemented"
  | "gateway_internal";

/**
 * An expected failure, as data. `message` is safe for the caller's eyes: no host, credential, driver text or HTML.
 * Each wire format maps it once, exhaustively, to its own status, type and code (`encodeFailure`).
 */
export interface Failure {
  readonly type: FailureType;
  readonly message: string;
  /** The field of the request that is at fault, in the caller's words: `messages[0].content`. */
  readonly param?: string;
  /** A stable machine-readable code beside the type, where the field knows one: `context_length_exceeded`. */
  readonly code?: string;
  /** Only for `backend_rejected` (the backend's own 4xx that the caller should see) and `caller_bad_request` (400 if absent). */
  readonly status?: number;
  /** When trying again may help, in milliseconds from now. */
  readonly retryAfterMs?: number;
  /** False where the same request cannot succeed by being sent again; absent: the status says it. */
  readonly retryable?: boolean;
  /** There was no seat at a private backend. `stays`: by the operator's rule only another that has seats may be tried in its place. */
  readonly noSeat?: "spills" | "stays";
  /** For limits: which one refused. */
  readonly limit?: { readonly unit: LimitUnit; readonly level: LimitLevel };
  /** What the operator sees and the caller does not: the phase, the upstream status. Never a body, prompt or secret. */
  readonly detail?: string;
}

export type LimitUnit = "requests" | "tokens" | "concurrency" | "money";
export type LimitLevel = "key" | "user" | "model" | "tenant";

/** The `detail` of a `caller_bad_request` that only this backend's format has against the request: another backend's may say it. */
export const UNTRANSLATABLE = "untranslatable";

/** Bad input, with the field that is at fault. */
export function badRequest(message: string, param?: string, code?: string): Failure {
  return { type: "caller_bad_request", message, ...(param && { param }), ...(code && { code }) };
}

/** What a caller is told of a bug: nothing. The log has it, under the request's id. */
export const INTERNAL: Failure = {
  type: "gateway_internal",
  message: "The gateway failed to handle this request.",
};

/** Whether the next attempt may be tried after this failure (before the first token). */
export function isFallbackWorthy(failure: Failure): boolean {
  return failure.noSeat !== "stays" && isOfBackends(failure);
}

/** Whether it says how the backends are, and nothing about the request; also where nothing may follow it. */
export function isOfBackends({ type }: Failure): boolean {
  switch (type) {
    case "backend_unavailable":
    case "backend_overloaded":
    case "backend_timeout":
    case "backend_unauthorized":
    case "backend_protocol":
    case "backend_cut":
    case "backend_stream_error":
      return true;
    default:
      return false;
  }
}
