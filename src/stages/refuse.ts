import type { Authenticated, Received, Reply, Resolved } from "../core/exchange.ts";
import type { Failure } from "../core/failure.ts";
import type { Refusal } from "./admit.ts";
import { leaveProbe } from "./degrade.ts";
import { eventOf } from "./event.ts";
import type { Gateway } from "./gateway.ts";
import { failureReply } from "./reply.ts";

/**
 * The way out before anything is reserved. Callers that are known leave an event (best effort, by the queue alone), but only a few a
 * minute: the others are counted, and the count goes with the next event of the key. Where Redis was asked and not heard it may hold
 * a lease, which the event gives back: such a refusal always has one. Strangers leave a log line at most, so that they cannot fill
 * the ledger.
 */
export function refuse(
  exchange: Received | Authenticated | Resolved,
  failure: Failure,
  gateway?: Gateway,
  { rate = {}, unheard = false }: Partial<Omit<Refusal, "failure">> = {},
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
    leaveProbe(exchange, gateway);
    if (unheard || gateway.refusals.note(event)) {
      const unrecorded = gateway.refusals.take(event.keyId);
      gateway.enqueue(JSON.stringify(unrecorded ? { ...event, unrecorded } : event), exchange.waitUntil);
    }
  }
  return reply;
}
