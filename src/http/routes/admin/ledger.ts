import type { Context } from "hono";
import { badRequest } from "../../../core/failure.ts";
import type { AdminDependencies } from "./dependencies.ts";
import { readBody, readParam, readQuery } from "./input.ts";
import { isoOrNull, list, refusal, reply } from "./replies.ts";
import { deadQuery, replaySchema, requestIdSchema, usageQuery } from "./schemas.ts";

const DAY_MS = 86_400_000;
const DEFAULT_SPAN_MS = 30 * DAY_MS;
const MAX_SPAN_MS = 400 * DAY_MS;
const DEFAULT_DEAD = 100;

/** `GET /admin/v1/usage?tenant=&from=&to=&by=`: `from` inclusive, `to` exclusive; the last 30 days by day where nothing is said. */
export async function readUsage(context: Context, admin: AdminDependencies): Promise<Response> {
  const query = readQuery(context, usageQuery);
  if (!query.ok) return refusal(query.failure);
  const { tenant, by = "day" } = query.value;
  const to = query.value.to === undefined ? admin.clock.now() : Date.parse(query.value.to);
  const from = query.value.from === undefined ? to - DEFAULT_SPAN_MS : Date.parse(query.value.from);
  if (from >= to) return refusal(badRequest("from must lie before to.", "from"));
  if (to - from > MAX_SPAN_MS) return refusal(badRequest("The span is longer than 400 days.", "from"));
  const rows = await admin.usage.usage({ tenant, from, to, by });
  if (!rows.ok) return refusal(rows.failure);
  return reply(200, {
    object: "usage",
    tenant,
    by,
    from: isoOrNull(from),
    to: isoOrNull(to),
    data: rows.value,
  });
}

/** `GET /admin/v1/requests/{id}`: the row, its charges, and what each step decided. */
export async function readRequest(context: Context, admin: AdminDependencies): Promise<Response> {
  const requestId = readParam(context, "id", requestIdSchema);
  if (!requestId.ok) return refusal(requestId.failure);
  const found = await admin.requests.find(requestId.value);
  if (!found.ok) return refusal(found.failure);
  const { request, charges, decisions, translations } = found.value;
  return reply(200, { object: "request", id: requestId.value, ...request, charges, decisions, translations });
}

/** `GET /admin/v1/ledger/dead` */
export async function listDead(context: Context, admin: AdminDependencies): Promise<Response> {
  const query = readQuery(context, deadQuery);
  if (!query.ok) return refusal(query.failure);
  const { tenant, limit } = query.value;
  const dead = await admin.deadLetters.dead({
    limit: limit === undefined ? DEFAULT_DEAD : Number(limit),
    ...(tenant !== undefined && { tenant }),
  });
  if (!dead.ok) return refusal(dead.failure);
  return list(dead.value.map((letter) => ({ ...letter, buriedAt: isoOrNull(letter.buriedAt) })));
}

/** `POST /admin/v1/ledger/replay`: makes dead letters due again; the next sweep writes them or buries them anew. */
export async function replayDead(context: Context, admin: AdminDependencies): Promise<Response> {
  const body = await readBody(context, replaySchema);
  if (!body.ok) return refusal(body.failure);
  if (body.value.requestIds !== undefined && body.value.tenant === undefined) {
    return refusal(badRequest("tenant is needed beside requestIds.", "tenant"));
  }
  const replayed = await admin.deadLetters.replay(body.value);
  if (!replayed.ok) return refusal(replayed.failure);
  return reply(200, { object: "replay", replayed: replayed.value });
}
