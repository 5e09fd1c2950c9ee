import type { Context } from "hono";
import type { TenantListing } from "../../../core/admin.ts";
import { badRequest } from "../../../core/failure.ts";
import { ACTOR, type AdminDependencies } from "./dependencies.ts";
import { readBody, readParam, readQuery } from "./input.ts";
import { isoOrNull, list, refusal, reply } from "./replies.ts";
import { newTenantSchema, tenantChangeSchema, tenantIdSchema, tenantListQuery } from "./schemas.ts";

const DEFAULT_PAGE = 50;

/**
 * `POST /admin/v1/tenants`. A new tenant has nothing in flight, so its money is opened at once; where Redis cannot be told, the first
 * request that asks for money opens it after the quarantine, and `pending` says so.
 */
export async function createTenant(context: Context, admin: AdminDependencies): Promise<Response> {
  const body = await readBody(context, newTenantSchema);
  if (!body.ok) return refusal(body.failure);
  const created = await admin.tenants.create({ ...body.value, corsOrigins: body.value.corsOrigins ?? [] }, ACTOR);
  if (!created.ok) return refusal(created.failure);
  const opened = await admin.money.open(created.value.tenant);
  return reply(201, { ...face(created.value), pending: opened ? [] : ["redis"] });
}

/** `GET /admin/v1/tenants` */
export async function listTenants(context: Context, admin: AdminDependencies): Promise<Response> {
  const query = readQuery(context, tenantListQuery);
  if (!query.ok) return refusal(query.failure);
  const { limit, cursor } = query.value;
  const page = await admin.tenants.list({
    limit: limit === undefined ? DEFAULT_PAGE : Number(limit),
    ...(cursor !== undefined && { cursor }),
  });
  if (!page.ok) return refusal(page.failure);
  return list(page.value.items.map(face), page.value.nextCursor);
}

/**
 * `PATCH /admin/v1/tenants/{id}` with `{"disabled": true}` or `false`, `{"storesResponses": true}` or `false`, or both: 200 once no
 * admission call anywhere accepts a key of a disabled tenant, or every isolate reads the keys of a changed one anew; 202 where Postgres
 * has it and Redis could not be told. Sending it again tells Redis again. Requests that were let in before run to their end.
 */
export async function changeTenant(context: Context, admin: AdminDependencies): Promise<Response> {
  const tenant = readParam(context, "id", tenantIdSchema);
  if (!tenant.ok) return refusal(tenant.failure);
  const body = await readBody(context, tenantChangeSchema);
  if (!body.ok) return refusal(body.failure);
  if (Object.keys(body.value).length === 0) return refusal(badRequest("Say what is to change.", "disabled"));
  const changed = await admin.tenants.change(tenant.value, body.value, ACTOR);
  if (!changed.ok) return refusal(changed.failure);
  const { listing, keys } = changed.value;
  const inEffect = await admin.announcer.announceAll(keys);
  return reply(inEffect ? 200 : 202, { ...face(listing), keys: keys.length, pending: inEffect ? [] : ["redis"] });
}

function face(tenant: TenantListing): object {
  const { createdAt, disabledAt, storesResponses = false, ...rest } = tenant;
  return {
    object: "tenant",
    ...rest,
    storesResponses,
    createdAt: isoOrNull(createdAt),
    disabledAt: isoOrNull(disabledAt),
  };
}
