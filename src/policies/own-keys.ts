import { badRequest } from "../core/failure.ts";
import type { Policy } from "../core/policy.ts";

/** A gateway key has this shape (see stages/api-key.ts); a prompt that holds one would carry a credential to a backend and its logs. */
const GATEWAY_KEY = /\bgw_[a-z2-7]{16}_[A-Za-z0-9-]{43}/;

/**
 * Refuses requests whose text holds a gateway API key. `indexOf` first: nearly every request has no `gw_` at all.
 * Broken means refuse: it guards secrets.
 */
export const ownKeys: Policy = {
  name: "own-keys",
  whenBroken: "refuse",
  onRequest(exchange) {
    const { text } = exchange.body;
    if (!text.includes("gw_") || !GATEWAY_KEY.test(text)) return { kind: "allow" };
    return {
      kind: "refuse",
      reason: "gateway_key_in_request",
      failure: badRequest(
        "The request body contains a gateway API key. Remove it, and revoke that key.",
        undefined,
        "credential_in_request",
      ),
    };
  },
};
