import type { Format, Script } from "../script.ts";
import { jsonScript } from "../script.ts";

/** An error answer before it is put into a format. */
export interface WireError {
  readonly status: number;
  readonly message: string;
  /** The format's own word for it; by status when absent. */
  readonly type?: string;
  readonly param?: string;
  /** OpenAI's own service: a word, or null, where vLLM has the status. */
  readonly code?: string | null;
}

/** vLLM names errors after Python's exceptions or the status phrase. */
const VLLM_TYPES: Readonly<Record<number, string>> = {
  400: "BadRequestError",
  401: "AuthenticationError",
  403: "PermissionDeniedError",
  404: "NotFoundError",
  413: "RequestEntityTooLargeError",
  429: "RateLimitError",
  500: "InternalServerError",
  503: "ServiceUnavailableError",
};

/** Anthropic's documented error types by status. */
const ANTHROPIC_TYPES: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  504: "timeout_error",
  529: "overloaded_error",
};

/** The `request_id` of every simulated Anthropic error that stands for no particular request. */
export const SIMULATED_ANTHROPIC_REQUEST_ID = "req_simulated00000000000000";

/** The error as JSON: vLLM's with an integer `code`, Anthropic's with `request_id`. */
export function errorJson(format: Format, error: WireError): Record<string, unknown> {
  if (format === "anthropic") {
    const type = error.type ?? ANTHROPIC_TYPES[error.status] ?? "api_error";
    return { type: "error", error: { type, message: error.message }, request_id: SIMULATED_ANTHROPIC_REQUEST_ID };
  }
  const type = error.type ?? VLLM_TYPES[error.status] ?? "InternalServerError";
  return {
    error: {
      message: error.message,
      type,
      param: error.param ?? null,
      code: error.code === undefined ? error.status : error.code,
    },
  };
}

/** What is said to a model that is not served. */
export function unknownModel(format: Format, model: string): WireError {
  return format === "anthropic"
    ? { status: 404, message: `model: ${model}` }
    : { status: 404, message: `The model \`${model}\` does not exist.`, param: "model" };
}

/** The error as a whole answer. */
export function errorScript(format: Format, error: WireError, headers: Readonly<Record<string, string>> = {}): Script {
  const own = format === "anthropic" ? { "request-id": SIMULATED_ANTHROPIC_REQUEST_ID } : {};
  return jsonScript(error.status, errorJson(format, error), { ...own, ...headers });
}
