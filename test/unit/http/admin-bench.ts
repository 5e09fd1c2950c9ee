import type { KeyListing, NewKey } from "../../../src/core/admin.ts";
import type { Failure } from "../../../src/core/failure.ts";
import { fail, ok } from "../../../src/core/result.ts";
import { type AdminDependencies, adminRoutes } from "../../../src/http/routes/admin.ts";

export const NOW = Date.parse("2026-11-21T12:00:00Z");
export const KEY_ID = "abcdefgh234567ab";
export const missing: Failure = { type: "caller_not_found", message: "There is no such key." };

/** Keys that are minted into a list; one stands there already. */
export function stubKeys(minted: NewKey[] = []): AdminDependencies["keys"] {
  const listing: KeyListing = {
    keyId: KEY_ID,
    tenant: "acme",
    tier: "free",
    scopes: ["inference"],
    version: 1,
    createdAt: NOW,
  };
  return {
    mint: (key) => {
      minted.push(key);
      const { hash: _hash, pepperVersion: _version, ...rest } = key;
      return Promise.resolve(ok({ ...rest, version: 1, createdAt: NOW }));
    },
    list: () => Promise.resolve(ok({ items: [listing] })),
    revoke: () => Promise.resolve(ok({ ...listing, version: 2, revokedAt: NOW })),
  };
}

/** The admin routes on stores that all succeed, but for the overrides, and a way to call them. */
export function build(overrides: Partial<AdminDependencies> = {}) {
  const minted: NewKey[] = [];
  const queries: unknown[] = [];
  const seen: string[] = [];
  const reported: unknown[] = [];
  const note = <Value>(what: string, value: Value): Value => {
    seen.push(what);
    return value;
  };
  const admin: AdminDependencies = {
    adminKey: "admin-secret",
    clock: { now: () => NOW },
    randomBytes: (count) => note("random", crypto.getRandomValues(new Uint8Array(count))),
    pepper: { version: 3, secret: "pepper" },
    known: () => ({ tiers: new Set(["free", "premium"]), defaultTier: "free", aliases: new Set(["chat", "embed"]) }),
    keys: stubKeys(minted),
    announcer: { announce: () => Promise.resolve(true), announceAll: () => Promise.resolve(true) },
    tenants: {
      create: (tenant) => Promise.resolve(ok({ ...tenant, createdAt: NOW })),
      list: () => Promise.resolve(ok({ items: [] })),
      change: () => Promise.resolve(fail(missing)),
    },
    money: { open: () => Promise.resolve(true) },
    usage: {
      usage: (query) => {
        queries.push(query);
        return Promise.resolve(ok([]));
      },
    },
    requests: { find: () => Promise.resolve(fail(missing)) },
    deadLetters: { dead: () => Promise.resolve(ok([])), replay: () => Promise.resolve(ok(4)) },
    overlay: {
      current: () => Promise.resolve(ok(undefined)),
      publish: (overlay) => Promise.resolve(ok(overlay)),
    },
    overlayAnnouncer: { publish: () => Promise.resolve(true) },
    breakers: () => Promise.resolve(new Map()),
    misfits: () => [],
    ...overrides,
  };
  const app = adminRoutes(admin, (error) => reported.push(error));
  const call = (method: string, path: string, body?: unknown, authorization = "Bearer admin-secret") =>
    Promise.resolve(
      app.request(path, {
        method,
        headers: { authorization },
        ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
      }),
    );
  return { call, minted, queries, seen, reported };
}
