import { and, asc, eq, gt, isNull, sql } from "drizzle-orm";
import type {
  KeyVersion,
  NewTenant,
  Page,
  PageRequest,
  TenantAdministration,
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
    const { tenant: id, name, corsOrigins, limits } = tenant;
    const outcome = await this.#neon.run((db) =>
      db.batch([
        db
          .insert(tenants)
          .values({ id, name, corsOrigins: [...corsOrigins], limits })
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

  /** The versions of the keys rise by the trigger `tenants_raise_key_versions` (migrations), so that they do for whoever disables a tenant. */
  async setDisabled(
    tenant: string,
    disabled: boolean,
    actor: string,
  ): Promise<Result<{ readonly listing: TenantListing; readonly keys: readonly KeyVersion[] }>> {
    const action = disabled ? "tenant.disable" : "tenant.enable";
    const outcome = await this.#neon.run((db) =>
      db.batch([
        db.execute(sql`
          with switched as (
            update tenants set disabled_at = ${disabled ? sql`now()` : sql`null`}
            where id = ${tenant} and (disabled_at is null) = ${disabled}
            returning id
          )
          insert into audit (actor, action, tenant_id, subject)
          select ${actor}, ${action}, id, id from switched`),
        db.select().from(tenants).where(eq(tenants.id, tenant)),
        db
          .select({ tenant: apiKeys.tenantId, keyId: apiKeys.id, version: apiKeys.version })
          .from(apiKeys)
          .where(and(eq(apiKeys.tenantId, tenant), isNull(apiKeys.revokedAt))),
      ]),
    );
    if (outcome.kind !== "ok") return fail(failureOf(outcome));
    const [, [row], keys] = outcome.value;
    return row === undefined ? fail(NO_SUCH_TENANT) : ok({ listing: listingOf(row), keys });
  }
}

function listingOf(row: typeof tenants.$inferSelect): TenantListing {
  return {
    tenant: row.id,
    ...(row.name !== null && { name: row.name }),
    corsOrigins: row.corsOrigins,
    ...(row.limits !== null && { limits: row.limits }),
    createdAt: row.createdAt.getTime(),
    ...(row.disabledAt !== null && { disabledAt: row.disabledAt.getTime() }),
  };
}
