import type { ChatDraft } from "../core/draft.ts";
import { ENTRY_MAX_BYTES } from "../core/entry-size.ts";
import type { Authenticated, Continued } from "../core/exchange.ts";
import { badRequest, type Failure } from "../core/failure.ts";
import { REQUEST_ID } from "../core/identifiers.ts";
import type { JsonObject } from "../core/json.ts";
import { fail, ok, type Result } from "../core/result.ts";
import type { KeptConversations } from "../core/wire.ts";
import { parseBody } from "../lib/json.ts";
import type { Gateway } from "./gateway.ts";
import { fromKeptEntry, type KeptEntry } from "./kept-entry.ts";
import { patiently } from "./patience.ts";
import { answerId } from "./reply.ts";

/**
 * A request that goes on from a kept answer becomes the one that says all of it: from here on nobody needs to know where the conversation came
 * from, and it is counted, cached and sent like any other. Says also whether the answer is to be kept. Both only where the tenant allows
 * it. One call to Redis, and only for requests that name an earlier answer (three where there is none). Fails closed: no store, no guess at what was said.
 */
export function goOn(exchange: Authenticated, gateway: Gateway): Result<Continued> | Promise<Result<Continued>> {
  const { draft, principal, wire } = exchange;
  if (draft.operation !== "chat" || !wire.kept) return ok(exchange);
  const { previous } = draft;
  if (!principal.storesResponses) return previous === undefined ? ok(exchange) : fail(NOTHING_KEPT);
  if (previous === undefined) return ok(keeping(exchange, draft));
  return goOnFrom(previous, exchange, wire.kept, gateway);
}

async function goOnFrom(
  previous: string,
  exchange: Authenticated,
  kept: KeptConversations,
  gateway: Gateway,
): Promise<Result<Continued>> {
  const { body, notes, principal, wire, alarm } = exchange;
  const startedAt = gateway.clock.now();
  const found = REQUEST_ID.pattern.test(previous)
    ? await patiently(() => gateway.keptAnswers.find(principal.tenant, previous, alarm), alarm)
    : ({ kind: "unknown" } as const);
  notes.decisions.push({ step: "goOn", decision: found.kind, ioMs: gateway.clock.now() - startedAt });
  if (found.kind === "unavailable") return fail(keptAnswersAway(found.detail));
  const entry = found.kind === "found" ? fromKeptEntry(found.value, principal) : undefined;
  if (!entry) return fail(NOT_FOUND);
  const bytes = new TextEncoder().encode(kept.spelledOut(body, conversationOf(entry, kept)));
  const whole = parseBody(bytes, { maxDepth: gateway.config().limits.jsonDepth });
  if (!whole.ok) return fail(badRequest(whole.problem, "previous_response_id", "invalid_json"));
  const redrawn = wire.decodeRequest(whole.body);
  if (!redrawn.ok) return redrawn;
  if (redrawn.value.operation !== "chat") throw new Error("a chat that goes on became another operation");
  const spelledOut = { ...exchange, body: whole.body };
  return ok(keeping(spelledOut, redrawn.value, body.value));
}

function conversationOf({ items, answer }: KeptEntry, kept: KeptConversations) {
  return [...items, ...kept.itemsOfAnswer(answer)];
}

/** A conversation that is too large already is not kept, and the caller told so as others are whose tenant keeps nothing. */
function keeping(exchange: Authenticated, draft: ChatDraft, asked?: JsonObject): Continued {
  const { body } = exchange;
  if (draft.keep !== true || body.bytes > ENTRY_MAX_BYTES) {
    return { ...exchange, draft, ...(asked && { keeping: { asked } }) };
  }
  const unknownFields = draft.unknownFields.filter((field) => field !== "store");
  return {
    ...exchange,
    draft: { ...draft, unknownFields },
    keeping: { id: answerId(exchange), asked: asked ?? body.value },
  };
}

const NOTHING_KEPT: Failure = badRequest(
  "`previous_response_id` refers to a kept response, and none is kept for this tenant: send the whole conversation in `input`.",
  "previous_response_id",
  "unsupported_parameter",
);

/** Also for the routes that read and delete kept answers. */
export const NOT_FOUND: Failure = badRequest(
  "There is no kept response of this id: it was never kept, has expired or was deleted.",
  "previous_response_id",
  "previous_response_not_found",
);

export const keptAnswersAway = (detail: string): Failure => ({
  type: "gateway_unavailable",
  message: "Kept responses cannot be read right now.",
  retryAfterMs: 1_000,
  detail,
});
