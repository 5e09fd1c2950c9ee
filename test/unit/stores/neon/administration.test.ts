import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { NewKey } from "../../../../src/core/admin.ts";
import { NeonKeyAdministration } from "../../../../src/stores/neon/key-administration.ts";
import { NeonKeys } from "../../../../src/stores/neon/keys.ts";
import { namedOrigins } from "../../../../src/stores/neon/origins.ts";
import { NeonOverlay } from "../../../../src/stores/neon/overlay.ts";
import { NeonTenantAdministration } from "../../../../src/stores/neon/tenants.ts";
import { startDatabase, type TestDatabase } from "../../../support/database.ts";

let database: TestDatabase;
let administration: NeonKeyAdministration;
let keys: NeonKeys;
let tenants: NeonTenantAdministration;

beforeAll(async () => {
  database = await startDatabase();
  administration = new NeonKeyAdministration(database.as("admin"));
  keys = new NeonKeys(database.as("app"));
  tenants = new NeonTenantAdministration(database.as("admin"));
});
afterAll(() => database.close());

let nextKey = 0;
function newKey(fields: Partial<NewKey> = {}): NewKey {
  const keyId = `key${String(nextKey++)
    .padStart(13, "a")
    .replaceAll(/[0189]/g, "b")}${"abcdefghij"[nextKey % 10]}`.slice(-16);
  return { keyId, hash: "h", pepperVersion: 1, tenant: "acme", tier: "free", scopes: ["inference"], ...fields };
}

describe("a key in Postgres", () => {
  it("is found by its id alone, with all that an isolate must know of it", async () => {
    const full = newKey({
      name: "ci",
      user: "ada",
      scopes: ["inference", "usage:read"],
      allowedModels: ["chat"],
      expiresAt: Date.UTC(2027, 0, 1),
      limits: { key: { requestsPerMinute: 5 } },
    });
    const minted = await administration.mint(full, "tester");
    expect(minted).toMatchObject({ ok: true, value: { keyId: full.keyId, version: 1, expiresAt: full.expiresAt } });
    const { name: _name, ...rest } = full;
    expect(await keys.load(full.keyId)).toEqual({
      kind: "found",
      snapshot: { ...rest, version: 1, corsOrigins: ["https://app.example.com"] },
    });
  });

  // planted: the key's limits replaced the tenant's as a whole
  it("has its own limits over its tenant's, unit by unit", async () => {
    const limits = { tenant: { concurrency: 9 }, key: { requestsPerMinute: 60, tokensPerMinute: 1_000 } };
    await tenants.create({ tenant: "limited", corsOrigins: [], limits }, "tester");
    const key = newKey({ tenant: "limited", limits: { key: { requestsPerMinute: 5 } } });
    await administration.mint(key, "tester");
    expect(await keys.load(key.keyId)).toMatchObject({
      snapshot: { limits: { tenant: { concurrency: 9 }, key: { requestsPerMinute: 5, tokensPerMinute: 1_000 } } },
    });
  });

  // planted: `revoked_at is null` was left out of the update
  it("is revoked once, with a higher version and one audit row", async () => {
    const key = newKey();
    await administration.mint(key, "tester");
    const first = await administration.revoke(key.keyId, "tester");
    expect(first).toMatchObject({ ok: true, value: { version: 2 } });
    expect(await administration.revoke(key.keyId, "tester")).toEqual(first);
    const found = await keys.load(key.keyId);
    expect(found).toMatchObject({ kind: "found", snapshot: { version: 2 } });
    expect(found.kind === "found" && found.snapshot.revokedAt).toBe(first.ok && first.value.revokedAt);
    const rows = await database.query("select actor, action from audit where subject = $1 order by id", key.keyId);
    expect(rows).toEqual([
      { actor: "tester", action: "key.mint" },
      { actor: "tester", action: "key.revoke" },
    ]);
  });

  it("is not minted for a tenant that is not there, and leaves no audit row", async () => {
    const key = newKey({ tenant: "nobody" });
    const minted = await administration.mint(key, "tester");
    expect(minted).toMatchObject({ ok: false, failure: { type: "caller_not_found", param: "tenant" } });
    expect(await database.query("select 1 from audit where subject = $1", key.keyId)).toEqual([]);
    expect(await administration.revoke(key.keyId, "tester")).toMatchObject({ failure: { type: "caller_not_found" } });
  });

  it.each(["aaaaaaaaaaaaaaaa", "", "x' or '1'='1", "\0"])("is unknown by the id %j", async (keyId) => {
    expect(await keys.load(keyId)).toEqual({ kind: "unknown" });
  });

  // planted: a failed look-up said `unknown`, which would make every key a 401
  it("is unavailable, not unknown, while the database is away", async () => {
    await database.endpoint.control({ status: 503 });
    const found = await keys.load("aaaaaaaaaaaaaaaa");
    const listed = await administration.list({}, { limit: 10 });
    await database.endpoint.control({});
    expect(found).toEqual({ kind: "unavailable", detail: "postgres: network" });
    expect(listed).toMatchObject({ ok: false, failure: { type: "gateway_unavailable" } });
  });
});

describe("lists", () => {
  // planted: the page's extra row was kept
  it("give every key of a tenant once over their pages, newest first, without hashes", async () => {
    const wanted = Array.from({ length: 5 }, () => newKey({ tenant: "globex", hash: "secret-hash" }));
    for (const key of wanted) await administration.mint(key, "tester");
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await administration.list({ tenant: "globex" }, { limit: 2, ...(cursor && { cursor }) });
      if (!page.ok) throw new Error(page.failure.message);
      expect(page.value.items.length).toBeLessThanOrEqual(2);
      expect(JSON.stringify(page)).not.toContain("secret-hash");
      seen.push(...page.value.items.map((key) => key.keyId));
      cursor = page.value.nextCursor;
    } while (cursor !== undefined);
    expect(seen).toHaveLength(5);
    expect(new Set(seen)).toEqual(new Set(wanted.map((key) => key.keyId)));
  });

  it("give every origin that some tenant names, once", async () => {
    await tenants.create(
      { tenant: "zeta", corsOrigins: ["https://app.example.com", "https://b.example.com"] },
      "tester",
    );
    const origins = await namedOrigins(database.as("admin"));
    expect(origins).toHaveLength(2);
    expect(new Set(origins)).toEqual(new Set(["https://app.example.com", "https://b.example.com"]));
    await database.endpoint.control({ status: 500 });
    const [none, ping] = [await namedOrigins(database.as("admin")), await database.as("admin").ping()];
    await database.endpoint.control({});
    expect([none, ping]).toEqual([undefined, { healthy: false, reason: "network" }]);
    expect(await database.as("admin").ping()).toEqual({ healthy: true });
  });

  it("give tenants by name, and a name only once", async () => {
    expect(await tenants.create({ tenant: "acme", corsOrigins: [] }, "tester")).toMatchObject({
      failure: { type: "caller_conflict", param: "tenant" },
    });
    const page = await tenants.list({ limit: 1 });
    expect(page).toMatchObject({ value: { items: [{ tenant: "acme" }], nextCursor: "acme" } });
    expect(await tenants.list({ limit: 1, cursor: "acme" })).toMatchObject({
      value: { items: [{ tenant: "globex" }] },
    });
  });
});

describe("a tenant that is disabled", () => {
  // planted: the trigger was left out; the update did not ask whether it is disabled already
  it("takes its keys with it, each with a higher version, once, and gives them back when it is enabled", async () => {
    await tenants.create({ tenant: "closing", corsOrigins: [] }, "tester");
    const [key, revoked, other] = [newKey({ tenant: "closing" }), newKey({ tenant: "closing" }), newKey()];
    for (const one of [key, revoked, other]) await administration.mint(one, "tester");
    await administration.revoke(revoked.keyId, "tester");

    const disabled = await tenants.change("closing", { disabled: true }, "tester");
    expect(disabled).toMatchObject({
      value: {
        listing: { tenant: "closing", disabledAt: expect.any(Number) },
        keys: [{ tenant: "closing", keyId: key.keyId, version: 2 }],
      },
    });
    expect(await tenants.change("closing", { disabled: true }, "tester")).toEqual(disabled);
    expect(await keys.load(key.keyId)).toMatchObject({ snapshot: { version: 2, revokedAt: expect.any(Number) } });
    expect(await keys.load(other.keyId)).toMatchObject({ snapshot: { version: 1 } });
    expect(await keys.load(other.keyId)).not.toHaveProperty("snapshot.revokedAt");

    const enabled = await tenants.change("closing", { disabled: false }, "tester");
    expect(enabled).toMatchObject({ value: { keys: [{ keyId: key.keyId, version: 3 }] } });
    expect(enabled).not.toHaveProperty("value.listing.disabledAt");
    expect(await keys.load(key.keyId)).not.toHaveProperty("snapshot.revokedAt");
    expect(await keys.load(revoked.keyId)).toMatchObject({ snapshot: { revokedAt: expect.any(Number) } });
    const rows = await database.query("select action from audit where subject = 'closing' order by id");
    expect(rows.map(({ action }) => action)).toEqual(["tenant.create", "tenant.disable", "tenant.enable"]);
  });

  // planted: the trigger did not look at `stores_responses`; the snapshot function did not give it
  it("has its keys' versions raised, too, when its responses are to be kept or no longer", async () => {
    await tenants.create({ tenant: "keeping", corsOrigins: [] }, "tester");
    const key = newKey({ tenant: "keeping" });
    await administration.mint(key, "tester");
    expect(await keys.load(key.keyId)).not.toHaveProperty("snapshot.storesResponses");

    const kept = await tenants.change("keeping", { storesResponses: true }, "tester");
    expect(kept).toMatchObject({ value: { listing: { storesResponses: true }, keys: [{ version: 2 }] } });
    expect(await tenants.change("keeping", { storesResponses: true }, "tester")).toEqual(kept);
    expect(await keys.load(key.keyId)).toMatchObject({ snapshot: { version: 2, storesResponses: true } });

    await tenants.change("keeping", { storesResponses: false }, "tester");
    expect(await keys.load(key.keyId)).toMatchObject({ snapshot: { version: 3 } });
    expect(await keys.load(key.keyId)).not.toHaveProperty("snapshot.storesResponses");
    const rows = await database.query("select action from audit where subject = 'keeping' order by id");
    expect(rows.map(({ action }) => action)).toEqual([
      "tenant.create",
      "tenant.store-responses",
      "tenant.store-nothing",
    ]);
  });

  it("is one that there is, and can be told of when the database answers", async () => {
    expect(await tenants.change("nobody", { disabled: true }, "tester")).toMatchObject({
      failure: { type: "caller_not_found", param: "id" },
    });
    await database.endpoint.control({ status: 500 });
    const away = await tenants.change("acme", { disabled: true }, "tester");
    await database.endpoint.control({});
    expect(away).toMatchObject({ failure: { type: "gateway_unavailable" } });
  });

  // planted: the trigger was left out
  it("raises its keys' versions when it is disabled by hand in SQL, too", async () => {
    await tenants.create({ tenant: "by-hand", corsOrigins: [] }, "tester");
    const key = newKey({ tenant: "by-hand" });
    await administration.mint(key, "tester");
    await database.query("update tenants set disabled_at = now() where id = $1", "by-hand");
    expect(await tenants.change("by-hand", { disabled: true }, "tester")).toMatchObject({
      value: { keys: [{ keyId: key.keyId, version: 2 }] },
    });
  });
});

describe("what the role `app` may do with keys", () => {
  it("ends at one snapshot by id: it sees no other tenant's row, and changes nothing", async () => {
    const key = newKey();
    await administration.mint(key, "tester");
    const app = new NeonKeyAdministration(database.as("app"));
    expect(await app.list({}, { limit: 10 })).toEqual({ ok: true, value: { items: [] } });
    await app.revoke(key.keyId, "intruder");
    expect(await keys.load(key.keyId)).not.toHaveProperty("snapshot.revokedAt");
  });
});

describe("the overlay in Postgres", () => {
  // planted: the version was not compared with the newest
  it("takes the next version only, the same one again, and never an older one", async () => {
    const overlay = new NeonOverlay(database.as("admin"));
    expect(await overlay.current()).toEqual({ ok: true, value: undefined });
    const first = { version: 1, weights: { chat: [1, 0] } };
    const second = { version: 2 };
    expect(await overlay.publish(second, "tester")).toMatchObject({ failure: { type: "caller_conflict" } });
    expect(await overlay.publish(first, "tester")).toEqual({ ok: true, value: first });
    expect(await overlay.publish(first, "tester")).toEqual({ ok: true, value: first });
    expect(await overlay.publish({ version: 1, weights: {} }, "tester")).toMatchObject({ ok: false });
    const both = await Promise.all([overlay.publish(second, "a"), overlay.publish({ version: 2, weights: {} }, "b")]);
    expect(both.filter((one) => one.ok)).toHaveLength(1);
    expect(await overlay.publish(first, "tester")).toMatchObject({ failure: { type: "caller_conflict" } });
    const rows = await database.query("select subject from audit where action = 'overlay.publish' order by id");
    expect(rows).toEqual([{ subject: "1" }, { subject: "2" }]);
  });
});
