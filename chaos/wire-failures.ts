import type { AnyFormat } from "../test/support/caller.ts";

interface WireFailure {
  readonly status: number;
  readonly type: string;
}

const of = (status: number, openai: string, anthropic: string, anthropicStatus = status) => ({
  openai: { status, type: openai },
  anthropic: { status: anthropicStatus, type: anthropic },
});

const BAD_GATEWAY = of(502, "server_error", "api_error");

/** How each failure is told in each format: the table of docs/failure-modes.md, written out once more without the gateway's code. */
const FAILURES: Readonly<Record<string, { readonly openai: WireFailure; readonly anthropic: WireFailure }>> = {
  backend_unavailable: of(503, "server_error", "api_error"),
  backend_overloaded: of(503, "server_error", "overloaded_error", 529),
  backend_timeout: of(504, "server_error", "timeout_error"),
  backend_unauthorized: BAD_GATEWAY,
  backend_protocol: BAD_GATEWAY,
  backend_cut: BAD_GATEWAY,
  backend_stream_error: BAD_GATEWAY,
  backend_rejected: of(400, "invalid_request_error", "invalid_request_error"),
  gateway_unavailable: of(503, "server_error", "api_error"),
  caller_bad_request: of(400, "invalid_request_error", "invalid_request_error"),
  caller_body_too_large: of(413, "invalid_request_error", "invalid_request_error"),
};

export function wireFailure(format: AnyFormat, failure: string): WireFailure {
  const told = FAILURES[failure];
  if (!told) throw new Error(`the table knows no failure ${failure}`);
  return format === "anthropic-messages" ? told.anthropic : told.openai;
}
