import type { OutboundCall, Transport } from "../core/ports.ts";
import { fail, ok, type Result } from "../core/result.ts";
import { unreachable } from "./unreachable.ts";

/** Where a backend is, and what every call to it carries: its credential and configured headers, lower-case names. */
export interface BackendAccess {
  /** With its version segment, without a slash at the end. */
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * HTTP through the runtime's own `fetch`. The host comes from the environment alone; outbound headers are made here from
 * nothing, so that no header of the client's can pass; redirects come back as they are (`manual`).
 */
export function fetchTransport(access: ReadonlyMap<string, BackendAccess>): Transport {
  const doors = new Map([...access].map(([name, known]) => [name, doorOf(known)]));
  return {
    async send(call: OutboundCall, signal: AbortSignal): Promise<Result<Response>> {
      const door = doors.get(call.backend.name);
      if (!door) return fail(unreachable("not_configured"));
      try {
        const response = await fetch((call.request.unversioned ? door.rootUrl : door.baseUrl) + call.request.path, {
          method: "POST",
          headers: {
            ...(call.stream ? door.streamHeaders : door.jsonHeaders),
            ...call.request.headers,
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

/** What is the same for every call to a backend. */
export function doorOf({ baseUrl, headers }: BackendAccess) {
  return {
    baseUrl,
    /** Where a server keeps what is beside its API. */
    rootUrl: baseUrl.replace(/\/v\d+[a-z0-9]*$/, ""),
    jsonHeaders: { ...FIXED, ...headers, accept: "application/json" },
    streamHeaders: { ...FIXED, ...headers, accept: "text/event-stream" },
  };
}

const FIXED = {
  "content-type": "application/json",
  // A compressed stream would be held back by every proxy on the way until a block is full.
  "accept-encoding": "identity",
  "user-agent": "llm-gateway",
} as const;
