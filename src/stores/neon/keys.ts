import { sql } from "drizzle-orm";
import { mergeLimits } from "../../config/resolve.ts";
import type { Limits } from "../../core/config.ts";
import type { KeySnapshot, Scope } from "../../core/identity.ts";
import type { KeyLookup } from "../../core/ports.ts";
import type { Neon } from "./client.ts";

/** A row of the function `api_key_snapshot` (migrations); big integers come as text. */
interface SnapshotRow extends Record<string, unknown> {
  readonly id: string;
  readonly hash: string;
  readonly pepper_version: number;
  readonly version: string;
  readonly tenant_id: string;
  readonly cors_origins: string[];
  readonly stores_responses: boolean;
  readonly user_id: string | null;
  readonly tier: string;
  readonly scopes: Scope[];
  readonly allowed_models: string[] | null;
  readonly expires_at_ms: string | null;
  readonly revoked_at_ms: string | null;
  readonly limits: Limits | null;
  readonly tenant_limits: Limits | null;
}

/**
 * Keys by their id, as role `app`: before authentication no tenant is known, so one function that runs as the owner gives the one row.
 */
export class NeonKeys {
  readonly #neon: Neon;

  constructor(neon: Neon) {
    this.#neon = neon;
  }

  async load(keyId: string): Promise<KeyLookup> {
    const outcome = await this.#neon.run((db) =>
      db.execute<SnapshotRow>(sql`
        select id, hash, pepper_version, version, tenant_id, cors_origins, stores_responses, user_id, tier, scopes, allowed_models,
          expires_at_ms, revoked_at_ms, limits, tenant_limits
        from api_key_snapshot(${keyId})`),
    );
    if (outcome.kind === "unavailable") return { kind: "unavailable", detail: `postgres: ${outcome.detail}` };
    // Refused: an id that Postgres cannot hold as text (it has a NUL, say) is nobody's.
    const row = outcome.kind === "ok" ? outcome.value.rows[0] : undefined;
    return row === undefined ? { kind: "unknown" } : { kind: "found", snapshot: snapshotOf(row) };
  }
}

function snapshotOf(row: SnapshotRow): KeySnapshot {
  const limits = row.limits || row.tenant_limits ? mergeLimits(row.tenant_limits ?? {}, row.limits ?? {}) : undefined;
  return {
    keyId: row.id,
    hash: row.hash,
    pepperVersion: row.pepper_version,
    tenant: row.tenant_id,
    ...(row.user_id !== null && { user: row.user_id }),
    tier: row.tier,
    scopes: row.scopes,
    ...(row.allowed_models !== null && { allowedModels: row.allowed_models }),
    ...(row.expires_at_ms !== null && { expiresAt: Number(row.expires_at_ms) }),
    ...(row.revoked_at_ms !== null && { revokedAt: Number(row.revoked_at_ms) }),
    version: Number(row.version),
    ...(limits && { limits }),
    corsOrigins: row.cors_origins,
    ...(row.stores_responses && { storesResponses: true }),
  };
}
