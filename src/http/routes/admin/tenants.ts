import type { Context } from "hono";
import type { TenantListing } from "../../../core/admin.ts";
import { ACTOR, type AdminDependencies } from "./dependencies.ts";
import { readBody, readQuery } from "./input.ts";
import { isoOrNull, list, refusal, reply } from "./replies.ts";
import { newTenantSchema, tenantListQuery } from "./schemas.ts";

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

function face(tenant: TenantListing): object {
  return { object: "tenant", ...tenant, createdAt: isoOrNull(tenant.createdAt) };
}
