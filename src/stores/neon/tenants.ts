import { and, asc, eq, gt, isNull, type SQL, sql } from "drizzle-orm";
import type {
  KeyVersion,
  NewTenant,
  Page,
  PageRequest,
  TenantAdministration,
  TenantChange,
  TenantListing,
} from "../../core/admin.ts";
import type { Failure } from "../../core/failure.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import { failureOf, type Neon } from "./client.ts";
import { pageOf } from "./pages.ts";
import { apiKeys, audit, tenants } from "./schema.ts";

const UNIQUE_VIOLATION = "23505";
const NO_SUCH_TENANT: Failure = { type: "caller_not_found", message: "There is no such tenant.", param: "id" };

/** Tenants as operators see them, as role `admin`. */
export class NeonTenantAdministration implements TenantAdministration {
  readonly #neon: Neon;

  constructor(neon: Neon) {
    this.#neon = neon;
  }

  async create(tenant: NewTenant, actor: string): Promise<Result<TenantListing>> {
    const { tenant: id, name, corsOrigins, limits, storesResponses } = tenant;
    const outcome = await this.#neon.run((db) =>
      db.batch([
        db
          .insert(tenants)
          .values({ id, name, corsOrigins: [...corsOrigins], limits, storesResponses })
          .returning(),
        db.insert(audit).values({ actor, action: "tenant.create", tenantId: id, subject: id }),
      ]),
    );
    const taken = outcome.kind === "refused" && outcome.code === UNIQUE_VIOLATION;
    if (taken) return fail({ type: "caller_conflict", message: "There is a tenant of this name.", param: "tenant" });
    if (outcome.kind !== "ok") return fail(failureOf(outcome));
    const [[row]] = outcome.value;
    if (row === undefined) throw new Error("an insert that succeeded gives its row");
    return ok(listingOf(row));
  }

  async list(page: PageRequest): Promise<Result<Page<TenantListing>>> {
    const outcome = await this.#neon.run((db) =>
      db
        .select()
        .from(tenants)
        .where(page.cursor === undefined ? undefined : gt(tenants.id, page.cursor))
        .orderBy(asc(tenants.id))
        .limit(page.limit + 1),
    );
    if (outcome.kind !== "ok") return fail(failureOf(outcome));
    return ok(pageOf(outcome.value.map(listingOf), page.limit, (tenant) => tenant.tenant));
  }

  /** The versions of the keys rise by the trigger `tenants_raise_key_versions` (migrations), so that they do for whoever changes a tenant. */
  async change(
    tenant: string,
    { disabled, storesResponses }: TenantChange,
    actor: string,
  ): Promise<Result<{ readonly listing: TenantListing; readonly keys: readonly KeyVersion[] }>> {
    const outcome = await this.#neon.run((db) =>
      db.batch([
        db.execute(
          switched(tenant, actor, disabled ? "tenant.disable" : "tenant.enable", {
            set: disabled ? sql`disabled_at = now()` : sql`disabled_at = null`,
            where: disabled === undefined ? sql`false` : sql`(disabled_at is null) = ${disabled}`,
          }),
        ),
        db.execute(
          switched(tenant, actor, storesResponses ? "tenant.store-responses" : "tenant.store-nothing", {
            set: storesResponses ? sql`stores_responses = true` : sql`stores_responses = false`,
            where: storesResponses === undefined ? sql`false` : sql`stores_responses <> ${storesResponses}`,
          }),
        ),
        db.select().from(tenants).where(eq(tenants.id, tenant)),
        db
          .select({ tenant: apiKeys.tenantId, keyId: apiKeys.id, version: apiKeys.version })
          .from(apiKeys)
          .where(and(eq(apiKeys.tenantId, tenant), isNull(apiKeys.revokedAt))),
      ]),
    );
    if (outcome.kind !== "ok") return fail(failureOf(outcome));
    const [, , [row], keys] = outcome.value;
    return row === undefined ? fail(NO_SUCH_TENANT) : ok({ listing: listingOf(row), keys });
  }
}

/** One change of a tenant with its audit row, where it is a change at all. */
function switched(tenant: string, actor: string, action: string, { set, where }: { set: SQL; where: SQL }): SQL {
  return sql`
    with switched as (update tenants set ${set} where id = ${tenant} and ${where} returning id)
    insert into audit (actor, action, tenant_id, subject)
    select ${actor}, ${action}, id, id from switched`;
}

function listingOf(row: typeof tenants.$inferSelect): TenantListing {
  return {
    tenant: row.id,
    ...(row.name !== null && { name: row.name }),
    corsOrigins: row.corsOrigins,
    ...(row.limits !== null && { limits: row.limits }),
    storesResponses: row.storesResponses,
    createdAt: row.createdAt.getTime(),
    ...(row.disabledAt !== null && { disabledAt: row.disabledAt.getTime() }),
  };
}
