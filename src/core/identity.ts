import type { Limits } from "./config.ts";

/** What an isolate needs to know of an API key. Held in Redis, refreshed from Postgres; holds no secret, only its keyed hash. */
export interface KeySnapshot {
  readonly keyId: string;
  /** Base64url of HMAC-SHA-256(pepper, secret part). */
  readonly hash: string;
  readonly pepperVersion: number;
  readonly tenant: string;
  readonly user?: string;
  readonly tier: string;
  readonly scopes: readonly Scope[];
  /** Aliases; undefined means all. */
  readonly allowedModels?: readonly string[];
  /** Milliseconds since the epoch. */
  readonly expiresAt?: number;
  readonly revokedAt?: number;
  /** Rises with every change of the key; compared inside the admission script. */
  readonly version: number;
  /** Limits of its own, over the tier's, level by level and unit by unit. */
  readonly limits?: Limits;
  readonly corsOrigins?: readonly string[];
  /** Whether the tenant lets its responses be kept; absent: no. */
  readonly storesResponses?: boolean;
}

export type Scope = "inference" | "admin" | "usage:read";

/** Who calls, whichever header said so. */
export interface Principal {
  readonly tenant: string;
  readonly keyId: string;
  readonly user?: string;
  readonly tier: string;
  readonly scopes: ReadonlySet<Scope>;
  readonly allowedModels?: ReadonlySet<string>;
  readonly keyVersion: number;
  /** Milliseconds since the epoch. */
  readonly expiresAt?: number;
  /** The key's own limits, over its tier's. */
  readonly limits?: Limits;
  readonly corsOrigins: readonly string[];
  /** Whether the tenant lets its responses be kept; absent: no. */
  readonly storesResponses?: boolean;
  /** When this isolate read the snapshot, milliseconds since the epoch: without Redis it serves at most `snapshotMaxAgeMs`. */
  readonly snapshotAt: number;
}

/** Whether the key is for the model of this alias. */
export function mayUse(principal: Principal, alias: string): boolean {
  return principal.allowedModels === undefined || principal.allowedModels.has(alias);
}
