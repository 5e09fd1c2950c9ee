import { asc, gt, sql } from "drizzle-orm";
import type { NewTenant, Page, PageRequest, TenantAdministration, TenantListing } from "../../core/admin.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import { failureOf, type Neon } from "./client.ts";
import { pageOf } from "./pages.ts";
import { audit, tenants } from "./schema.ts";

const UNIQUE_VIOLATION = "23505";

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

  /** Every web origin that some tenant names, each once; undefined while the database is away. */
  async origins(): Promise<readonly string[] | undefined> {
    const outcome = await this.#neon.run((db) =>
      db.selectDistinct({ origin: sql<string>`unnest(${tenants.corsOrigins})` }).from(tenants),
    );
    return outcome.kind === "ok" ? outcome.value.map(({ origin }) => origin) : undefined;
  }
}

function listingOf(row: typeof tenants.$inferSelect): TenantListing {
  return {
    tenant: row.id,
    ...(row.name !== null && { name: row.name }),
    corsOrigins: row.corsOrigins,
    ...(row.limits !== null && { limits: row.limits }),
    createdAt: row.createdAt.getTime(),
  };
}
