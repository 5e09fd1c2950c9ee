import { and, desc, eq, getTableColumns, type SQL, sql } from "drizzle-orm";
import type { KeyAdministration, KeyListing, NewKey, Page, PageRequest } from "../../core/admin.ts";
import type { Failure } from "../../core/failure.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import { failureOf, type Neon } from "./client.ts";
import { pageOf } from "./pages.ts";
import { apiKeys, audit } from "./schema.ts";

/** All columns but the hash and what belongs to it. */
const { hash: _hash, pepperVersion: _pepperVersion, lastUsedAt: _lastUsedAt, ...LISTED } = getTableColumns(apiKeys);

type ListedRow = Omit<typeof apiKeys.$inferSelect, "hash" | "pepperVersion" | "lastUsedAt">;

const FOREIGN_KEY_VIOLATION = "23503";

const NO_SUCH_KEY: Failure = { type: "caller_not_found", message: "There is no such key.", param: "id" };
const NO_SUCH_TENANT: Failure = {
  type: "caller_not_found",
  message: "There is no such tenant: create it first.",
  param: "tenant",
};

/** Keys as operators mint, list and revoke them, as role `admin`. A change and its audit row are one transaction. */
export class NeonKeyAdministration implements KeyAdministration {
  readonly #neon: Neon;

  constructor(neon: Neon) {
    this.#neon = neon;
  }

  async mint(key: NewKey, actor: string): Promise<Result<KeyListing>> {
    const { keyId, tenant, user, expiresAt, scopes, allowedModels, ...rest } = key;
    const row: typeof apiKeys.$inferInsert = {
      ...rest,
      id: keyId,
      tenantId: tenant,
      userId: user,
      scopes: [...scopes],
      allowedModels: allowedModels && [...allowedModels],
      expiresAt: expiresAt === undefined ? undefined : new Date(expiresAt),
    };
    const outcome = await this.#neon.run((db) =>
      db.batch([
        db.insert(apiKeys).values(row).returning(LISTED),
        db.insert(audit).values({ actor, action: "key.mint", tenantId: tenant, subject: keyId }),
      ]),
    );
    if (outcome.kind === "refused" && outcome.code === FOREIGN_KEY_VIOLATION) return fail(NO_SUCH_TENANT);
    if (outcome.kind !== "ok") return fail(failureOf(outcome));
    const [[written]] = outcome.value;
    return written === undefined ? fail(NO_SUCH_KEY) : ok(listingOf(written));
  }

  async list(filter: { readonly tenant?: string }, page: PageRequest): Promise<Result<Page<KeyListing>>> {
    const outcome = await this.#neon.run((db) =>
      db
        .select(LISTED)
        .from(apiKeys)
        .where(and(filter.tenant === undefined ? undefined : eq(apiKeys.tenantId, filter.tenant), older(page.cursor)))
        .orderBy(desc(apiKeys.createdAt), desc(apiKeys.id))
        .limit(page.limit + 1),
    );
    if (outcome.kind !== "ok") return fail(failureOf(outcome));
    return ok(pageOf(outcome.value.map(listingOf), page.limit, (key) => key.keyId));
  }

  async revoke(keyId: string, actor: string): Promise<Result<KeyListing>> {
    const outcome = await this.#neon.run((db) =>
      db.batch([
        db.execute(sql`
          with revoked as (
            update api_keys set revoked_at = now(), version = version + 1
            where id = ${keyId} and revoked_at is null
            returning id, tenant_id
          )
          insert into audit (actor, action, tenant_id, subject)
          select ${actor}, 'key.revoke', tenant_id, id from revoked`),
        db.select(LISTED).from(apiKeys).where(eq(apiKeys.id, keyId)),
      ]),
    );
    if (outcome.kind !== "ok") return fail(failureOf(outcome));
    const [, [row]] = outcome.value;
    return row === undefined ? fail(NO_SUCH_KEY) : ok(listingOf(row));
  }
}

/** Keys behind the one that the cursor names, newest first. */
function older(cursor: string | undefined): SQL | undefined {
  if (cursor === undefined) return undefined;
  return sql`(created_at, id) < (select created_at, id from api_keys where id = ${cursor})`;
}

function listingOf(row: ListedRow): KeyListing {
  return {
    keyId: row.id,
    tenant: row.tenantId,
    ...(row.name !== null && { name: row.name }),
    ...(row.userId !== null && { user: row.userId }),
    tier: row.tier,
    scopes: row.scopes,
    ...(row.allowedModels !== null && { allowedModels: row.allowedModels }),
    ...(row.limits !== null && { limits: row.limits }),
    ...(row.expiresAt !== null && { expiresAt: row.expiresAt.getTime() }),
    ...(row.revokedAt !== null && { revokedAt: row.revokedAt.getTime() }),
    version: row.version,
    createdAt: row.createdAt.getTime(),
  };
}
