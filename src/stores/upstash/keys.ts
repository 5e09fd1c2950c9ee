import type { LimitLevel } from "../../core/failure.ts";

/**
 * Every key in Redis has its name made here. Keys of a tenant begin with `t:{<tenant>}:`, so that scripts of different
 * tenants share none (docs/storage-schema.md lists type, lifetime, writers and readers).
 */

/** Counted by the ledger, read by `/metrics`. */
export const COUNTERS = "counters";
/** Tenants by when their keys were last loaded. */
export const ACTIVE_TENANTS = "tenants:active";
/** The tenant at which the ledger's last sweep stopped. */
export const SWEEP_CURSOR = "ledger:swept";
export const OVERLAY = "cfg:overlay";
export const OVERLAY_VERSION = "cfg:v";
/** Prefix of the address guard's own keys. */
export const GUARD_PREFIX = "guard";

/** By the breaker's name: `backend/model`. */
export const breakerKey = (name: string): string => `br:${name}`;
/** What a backend said of itself, by its name. */
export const loadKey = (backend: string): string => `load:${backend}`;
/** How a backend's seats stand, by its name. */
export const seatsKey = (backend: string): string => `seats:${backend}`;
/** A target's recent time to the first token, by the name of its breaker. */
export const speedKey = (name: string): string => `speed:${name}`;
export const snapshotKey = (keyId: string): string => `key:${keyId}`;

export const recordKey = (tenant: string, requestId: string): string => `${prefix(tenant)}rec:${requestId}`;
export const dueKey = (tenant: string): string => `${prefix(tenant)}due`;
export const deadKey = (tenant: string): string => `${prefix(tenant)}dead`;
export const generationKey = (tenant: string): string => `${prefix(tenant)}gen`;
export const quarantineKey = (tenant: string): string => `${prefix(tenant)}quarantine`;
export const keyVersionKey = (tenant: string, keyId: string): string => `${prefix(tenant)}kv:${keyId}`;
export const cacheEntryKey = (tenant: string, key: string): string => `${prefix(tenant)}c:${key}`;
export const keptAnswerKey = (tenant: string, id: string): string => `${prefix(tenant)}resp:${id}`;

/** A level's own state: `b` token buckets, `l` leases, `m` money. */
export const levelKey = (tenant: string, state: "b" | "l" | "m", level: LimitLevel, subject: string): string =>
  `${prefix(tenant)}${state}:${level}:${subject}`;

/** A tenant's name cannot reach into another's keys: what is not plain is encoded, the closing brace above all. */
function prefix(tenant: string): string {
  return `t:{${/^[\w.-]+$/.test(tenant) ? tenant : encodeURIComponent(tenant.toWellFormed())}}:`;
}
