import type { Context } from "hono";
import { badRequest, type Failure } from "../../core/failure.ts";
import { REQUEST_ID } from "../../core/identifiers.ts";
import { isJsonObject, type Json, type JsonObject } from "../../core/json.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import { checkedForInference } from "../../stages/authenticate.ts";
import type { Gateway } from "../../stages/gateway.ts";
import { keptAnswersAway } from "../../stages/go-on.ts";
import { fromKeptEntry, type KeptEntry } from "../../stages/kept-entry.ts";
import { wires } from "../../wire/registry.ts";
import { credentialsOf } from "../receive.ts";

/**
 * Responses that were kept, for keys of the tenant whose they are: to all others there are none. They can be read and deleted also after the
 * tenant has said that no more are to be kept. Fails closed: without Redis 503, never 404.
 */

/** `GET /v1/responses/{id}` */
export async function readResponse(context: Context, gateway: Gateway): Promise<Response> {
  if (context.req.query("stream") === "true") {
    return failed(badRequest("A kept response is not streamed again.", "stream", "unsupported_parameter"), gateway);
  }
  const found = await entryOf(context, gateway);
  return found.ok ? Response.json(found.value.answer) : failed(found.failure, gateway);
}

/** `DELETE /v1/responses/{id}` */
export async function deleteResponse(context: Context, gateway: Gateway): Promise<Response> {
  const named = await nameOf(context, gateway);
  if (!named.ok) return failed(named.failure, gateway);
  const { tenant, id } = named.value;
  const removed = await gateway.keptAnswers.remove(tenant, id);
  if (removed.kind === "unavailable") return failed(keptAnswersAway(removed.detail), gateway);
  if (removed.kind === "unknown") return failed(NO_SUCH_RESPONSE, gateway);
  return Response.json({ id, object: "response.deleted", deleted: true });
}

const MAX_PAGE = 100;
const DEFAULT_PAGE = 20;

/** `GET /v1/responses/{id}/input_items`: all that was said before the response, the newest first unless `order` says otherwise. */
export async function listInputItems(context: Context, gateway: Gateway): Promise<Response> {
  const { order = "desc", limit = String(DEFAULT_PAGE), after } = context.req.query();
  if (order !== "asc" && order !== "desc") return failed(badRequest("Must be `asc` or `desc`.", "order"), gateway);
  if (!/^\d{1,3}$/.test(limit) || Number(limit) < 1 || Number(limit) > MAX_PAGE) {
    return failed(badRequest(`Must be 1 to ${MAX_PAGE}.`, "limit"), gateway);
  }
  const found = await entryOf(context, gateway);
  if (!found.ok) return failed(found.failure, gateway);
  const items = found.value.items.map((item, index) => face(item, index, found.value));
  if (order === "desc") items.reverse();
  const start = after === undefined ? 0 : items.findIndex(({ id }) => id === after) + 1;
  if (after !== undefined && start === 0) return failed(badRequest("There is no such item.", "after"), gateway);
  const data = items.slice(start, start + Number(limit));
  return Response.json({
    object: "list",
    data,
    first_id: data.at(0)?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: start + data.length < items.length,
  });
}

/** Callers may leave out the id and the type of an item, and the parts of a text; clients expect them to be there. */
function face(item: Json, index: number, { answer }: KeptEntry): JsonObject {
  const given = isJsonObject(item) ? item : {};
  const { type = "message", content } = given;
  const kind = given.role === "assistant" ? "output_text" : "input_text";
  return {
    id: `item_${String(answer.id).replace(/^resp_/, "")}_${index}`,
    ...given,
    type,
    ...(type === "message" && typeof content === "string" && { content: [{ type: kind, text: content }] }),
  };
}

async function entryOf(context: Context, gateway: Gateway): Promise<Result<KeptEntry>> {
  const named = await nameOf(context, gateway);
  if (!named.ok) return named;
  const { tenant, id } = named.value;
  const found = await gateway.keptAnswers.find(tenant, id);
  if (found.kind === "unavailable") return fail(keptAnswersAway(found.detail));
  const entry = found.kind === "found" ? fromKeptEntry(found.value, tenant) : undefined;
  return entry ? ok(entry) : fail(NO_SUCH_RESPONSE);
}

/** Which response of which tenant. A revoked key stops here at once: there is no admission call behind. */
async function nameOf(context: Context, gateway: Gateway): Promise<Result<{ tenant: string; id: string }>> {
  const found = await checkedForInference(credentialsOf(context.req.raw.headers), gateway);
  if (!found.ok) return found;
  const id = context.req.param("id") ?? "";
  return REQUEST_ID.pattern.test(id) ? ok({ tenant: found.value.tenant, id }) : fail(NO_SUCH_RESPONSE);
}

const NO_SUCH_RESPONSE: Failure = {
  type: "caller_not_found",
  message: "There is no kept response of this id: it was never kept, has expired or was deleted.",
  param: "response_id",
};

function failed(failure: Failure, gateway: Gateway): Response {
  const requestId = gateway.chance.requestId();
  const told = wires["openai-responses"].encodeFailure(failure, requestId);
  const headers = { "content-type": "application/json", "x-request-id": requestId, ...told.headers };
  return new Response(told.body, { status: told.status, headers });
}
