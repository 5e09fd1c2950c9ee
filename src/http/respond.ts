import type { Reply } from "../core/exchange.ts";

/** A reply onto the socket. HTTP adds nothing of its own. */
export function toResponse(reply: Reply): Response {
  return new Response(reply.body, { status: reply.status, headers: reply.headers });
}
