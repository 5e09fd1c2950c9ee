import type { Authenticated, Received, Reply, Resolved } from "../core/exchange.ts";
import type { Failure } from "../core/failure.ts";
import type { RateState } from "../core/wire.ts";
import { eventOf } from "./event.ts";
import type { Gateway } from "./gateway.ts";
import { failureReply } from "./reply.ts";

/**
 * The way out before anything is reserved. Callers that are known leave an event (best effort, by the queue alone: no money
 * hangs on it); strangers leave a log line at most, so that they cannot fill the ledger.
 */
export function refuse(
  exchange: Received | Authenticated | Resolved,
  failure: Failure,
  gateway?: Gateway,
  rate: RateState = {},
): Reply {
  const reply = failureReply(exchange, failure, rate);
  if (gateway && "principal" in exchange) {
    const event = eventOf(exchange, {
      outcome: "refused",
      endedAt: gateway.clock.now(),
      status: reply.status,
      failure,
    });
    gateway.log(event);
    gateway.enqueue(JSON.stringify(event), exchange.waitUntil);
  }
  return reply;
}
