import type { Context } from "hono";
import { badRequest, type Failure } from "../../core/failure.ts";
import { REQUEST_ID } from "../../core/identifiers.ts";
import type { Principal } from "../../core/identity.ts";
import { isJsonObject, type Json, type JsonObject } from "../../core/json.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import { runtimeAlarm } from "../../lib/alarm.ts";
import { checkedForInference } from "../../stages/authenticate.ts";
import type { Gateway } from "../../stages/gateway.ts";
import { keptAnswersAway, NOT_FOUND } from "../../stages/go-on.ts";
import { fromKeptEntry, type KeptEntry } from "../../stages/kept-entry.ts";
import { patiently } from "../../stages/patience.ts";
import { credentialsOf } from "../receive.ts";
import { failed } from "./models.ts";

/**
 * Responses that were kept, for keys of the tenant whose they are: to all others there are none. They can be read and deleted also after the
 * tenant has said that no more are to be kept. Fails closed: without Redis 503, never 404.
 */

/** `GET /v1/responses/{id}` */
export async function readResponse(context: Context, gateway: Gateway): Promise<Response> {
  if (context.req.query("stream") === "true") {
    return failed(
      context,
      badRequest("A kept response is not streamed again.", "stream", "unsupported_parameter"),
      gateway,
    );
  }
  const found = await entryOf(context, gateway);
  return found.ok ? Response.json(found.value.answer) : failed(context, found.failure, gateway);
}

/** `DELETE /v1/responses/{id}` */
export async function deleteResponse(context: Context, gateway: Gateway): Promise<Response> {
  const named = await nameOf(context, gateway);
  if (!named.ok) return failed(context, named.failure, gateway);
  const { principal, id } = named.value;
  const removed = await patiently(() => gateway.keptAnswers.remove(principal.tenant, id), runtimeAlarm);
  if (removed.kind === "unavailable") return failed(context, keptAnswersAway(removed.detail), gateway);
  if (removed.kind === "unknown") return failed(context, NO_SUCH_RESPONSE, gateway);
  return Response.json({ id, object: "response.deleted", deleted: true });
}

/** `GET /v1/responses/{id}/input_items`: all that was said before the response, on one page; the newest first unless `order` says otherwise. */
export async function listInputItems(context: Context, gateway: Gateway): Promise<Response> {
  const found = await entryOf(context, gateway);
  if (!found.ok) return failed(context, found.failure, gateway);
  const data = found.value.items.map((item, index) => face(item, index, found.value));
  if (context.req.query("order") !== "asc") data.reverse();
  return Response.json({
    object: "list",
    data,
    first_id: data.at(0)?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: false,
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
  const { principal, id } = named.value;
  const found = await patiently(() => gateway.keptAnswers.find(principal.tenant, id), runtimeAlarm);
  if (found.kind === "unavailable") return fail(keptAnswersAway(found.detail));
  const entry = found.kind === "found" ? fromKeptEntry(found.value, principal) : undefined;
  return entry ? ok(entry) : fail(NO_SUCH_RESPONSE);
}

/** Which response of which tenant. A revoked key stops here at once: there is no admission call behind. */
async function nameOf(context: Context, gateway: Gateway): Promise<Result<{ principal: Principal; id: string }>> {
  const found = await checkedForInference(credentialsOf(context.req.raw.headers), gateway);
  if (!found.ok) return found;
  const id = context.req.param("id") ?? "";
  return REQUEST_ID.pattern.test(id) ? ok({ principal: found.value, id }) : fail(NO_SUCH_RESPONSE);
}

const NO_SUCH_RESPONSE: Failure = { ...NOT_FOUND, type: "caller_not_found", param: "response_id" };
