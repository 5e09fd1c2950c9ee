import type { Backend } from "../core/config.ts";
import type { Failure } from "../core/failure.ts";
import type { OutboundCall, Transport } from "../core/ports.ts";
import { fail, ok, type Result } from "../core/result.ts";

/** What the environment says about a backend: its base URL (ending in `/v1` or the like, no slash) and the secrets that it names. */
export interface BackendAccess {
  readonly baseUrl: string;
  readonly secrets: Readonly<Record<string, string | undefined>>;
}

/**
 * HTTP through the runtime's own `fetch`. The host comes from the environment alone; outbound headers are made here from
 * nothing, so that no header of the client's can pass; redirects come back as they are (`manual`).
 */
export function fetchTransport(access: Readonly<Record<string, BackendAccess>>): Transport {
  const prepared = new Map<string, { readonly baseUrl: string; readonly headers: Readonly<Record<string, string>> }>();
  return {
    async send(call: OutboundCall, signal: AbortSignal): Promise<Result<Response>> {
      const { backend } = call;
      let fixed = prepared.get(backend.name);
      if (!fixed) {
        const known = access[backend.name];
        if (!known) return fail(unreachable("not_configured"));
        fixed = { baseUrl: known.baseUrl, headers: fixedHeaders(backend, known) };
        prepared.set(backend.name, fixed);
      }
      try {
        const response = await fetch(fixed.baseUrl + call.request.path, {
          method: "POST",
          headers: {
            ...fixed.headers,
            ...call.request.headers,
            accept: call.stream ? "text/event-stream" : "application/json",
            "x-request-id": call.requestId,
            traceparent: call.traceparent,
          },
          body: call.request.body,
          redirect: "manual",
          signal,
        });
        return ok(response);
      } catch {
        // The runtime's message may name the host: it goes no further than here.
        return fail(unreachable(signal.aborted ? "aborted" : "connect"));
      }
    },
  };
}

function fixedHeaders(backend: Backend, access: BackendAccess): Record<string, string> {
  const headers: Record<string, string> = {
    "content-type": "application/json",
    // A compressed stream would be held back by every proxy on the way until a block is full.
    "accept-encoding": "identity",
    "user-agent": "llm-gateway",
  };
  for (const [name, source] of Object.entries(backend.headers)) {
    const value = "value" in source ? source.value : access.secrets[source.secret];
    if (value !== undefined) headers[name.toLowerCase()] = value;
  }
  const secret = backend.auth.secret === undefined ? undefined : access.secrets[backend.auth.secret];
  if (secret !== undefined && backend.auth.scheme === "bearer") headers.authorization = `Bearer ${secret}`;
  if (secret !== undefined && backend.auth.scheme === "x-api-key") headers["x-api-key"] = secret;
  return headers;
}

const unreachable = (detail: string): Failure => ({
  type: "backend_unavailable",
  message: "The backend could not be reached.",
  retryAfterMs: 5_000,
  detail,
});
