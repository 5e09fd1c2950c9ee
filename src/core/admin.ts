import type { Limits, Overlay } from "./config.ts";
import type { Scope } from "./identity.ts";
import type { Result } from "./result.ts";

/**
 * What the admin routes ask of the stores. Expected failures: `caller_not_found`, `caller_conflict`, `caller_bad_request` (with the
 * field), `gateway_unavailable` where a store is away. Times are milliseconds since the epoch, money is nano-dollars.
 */

export interface Page<Item> {
  readonly items: readonly Item[];
  /** Give it back to get the next page; undefined on the last. */
  readonly nextCursor?: string;
}

export interface PageRequest {
  /** 1 to 200. */
  readonly limit: number;
  readonly cursor?: string;
}

/** A key as it is written when it is minted: the keyed hash, never the secret. */
export interface NewKey {
  readonly keyId: string;
  readonly hash: string;
  readonly pepperVersion: number;
  readonly tenant: string;
  readonly name?: string;
  readonly user?: string;
  readonly tier: string;
  readonly scopes: readonly Scope[];
  /** Aliases; undefined means all. */
  readonly allowedModels?: readonly string[];
  readonly expiresAt?: number;
  readonly limits?: Limits;
}

/** A key as operators see it: no hash. */
export interface KeyListing extends Omit<NewKey, "hash" | "pepperVersion"> {
  readonly version: number;
  readonly createdAt: number;
  readonly revokedAt?: number;
}

export interface KeyAdministration {
  /** Writes the key and an audit row in one transaction. `caller_not_found` with param `tenant` where the tenant is unknown. */
  mint(key: NewKey, actor: string): Promise<Result<KeyListing>>;
  list(filter: { readonly tenant?: string }, page: PageRequest): Promise<Result<Page<KeyListing>>>;
  /** Idempotent: a key that is revoked stays so, with its first moment. Its version has risen when this answers. */
  revoke(keyId: string, actor: string): Promise<Result<KeyListing>>;
}

/** Tells every isolate, through Redis, that a key has changed. */
export interface KeyAnnouncer {
  /** Resolves to true once Redis holds the new version: from then on no admission call accepts an older one. */
  announce(key: KeyVersion): Promise<boolean>;
  /** The same for many keys of one tenant; true once Redis holds them all. Stops where it cannot be told. */
  announceAll(keys: readonly KeyVersion[]): Promise<boolean>;
}

export interface NewTenant {
  readonly tenant: string;
  readonly name?: string;
  readonly corsOrigins: readonly string[];
  readonly limits?: Limits;
  /** Whether its responses are kept; absent: no. */
  readonly storesResponses?: boolean;
}

export interface TenantListing extends NewTenant {
  readonly createdAt: number;
  /** Since when none of its keys works. */
  readonly disabledAt?: number;
}

/** What is to be otherwise of a tenant; what is absent stays as it is. */
export interface TenantChange {
  readonly disabled?: boolean;
  readonly storesResponses?: boolean;
}

/** A key's version, as isolates compare it. */
export interface KeyVersion {
  readonly tenant: string;
  readonly keyId: string;
  readonly version: number;
}

export interface TenantAdministration {
  /** `caller_conflict` where the name is taken. */
  create(tenant: NewTenant, actor: string): Promise<Result<TenantListing>>;
  list(page: PageRequest): Promise<Result<Page<TenantListing>>>;
  /**
   * Idempotent: a tenant that is disabled stays so, with its first moment. The versions of its keys have risen with every change when this answers;
   * `keys` are those that are not revoked. `caller_not_found` where there is no such tenant.
   */
  change(
    tenant: string,
    change: TenantChange,
    actor: string,
  ): Promise<Result<{ readonly listing: TenantListing; readonly keys: readonly KeyVersion[] }>>;
}

/** Opens the money of a tenant that has nothing in flight. True once Redis holds it. */
export interface MoneyOpener {
  open(tenant: string): Promise<boolean>;
}

export type UsageGrouping = "day" | "alias" | "backend" | "key";

/** Sums over one group. `estimated`: how many of the requests (by backend: charges) hold a count that is ours and not a backend's. */
export interface UsageRow {
  readonly group: string;
  readonly requests: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cachedInputTokens: number;
  readonly costNanoUsd: number;
  readonly estimated: number;
}

export interface UsageQuery {
  readonly tenant: string;
  /** Inclusive. */
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
  readonly by: UsageGrouping;
}

export interface UsageReader {
  usage(query: UsageQuery): Promise<Result<readonly UsageRow[]>>;
}

/** One request as the ledger holds it: columns by name, its charges in order, its decisions. */
export interface StoredRequest {
  readonly request: Readonly<Record<string, unknown>>;
  readonly charges: readonly Readonly<Record<string, unknown>>[];
  readonly decisions: readonly unknown[];
  readonly translations: readonly unknown[];
}

export interface RequestReader {
  find(requestId: string): Promise<Result<StoredRequest>>;
}

/** A record that could not be written: which, why, since when. Never its content. */
export interface DeadLetter {
  readonly tenant: string;
  readonly requestId: string;
  readonly reason: string;
  readonly buriedAt?: number;
}

export interface DeadLetterOffice {
  dead(filter: { readonly tenant?: string; readonly limit: number }): Promise<Result<readonly DeadLetter[]>>;
  /** Makes dead letters due again; without ids all of the tenant's (of every tenant's where none is named). Gives how many. */
  replay(filter: { readonly tenant?: string; readonly requestIds?: readonly string[] }): Promise<Result<number>>;
}

export interface OverlayAdministration {
  current(): Promise<Result<Overlay | undefined>>;
  /** Writes the next version; the same again is no change. `caller_conflict` where `overlay.version` is not the next one. */
  publish(overlay: Overlay, actor: string): Promise<Result<Overlay>>;
}

/** Tells every isolate, through Redis, of an overlay. True once Redis holds it. */
export interface OverlayAnnouncer {
  publish(overlay: Overlay): Promise<boolean>;
}
