import { neon } from "@neondatabase/serverless";
import { eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/neon-http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { NeonEndpoint } from "../../../dev/neon/main.ts";
import { type SeedOptions, seed } from "../../../dev/neon/seed.ts";
import { casing, charges, requests } from "../../../src/stores/neon/schema.ts";
import { type Client, forms } from "./forms.ts";
import { startMigrated } from "./migrated.ts";

const DENIED = { code: "42501" };
const STARTED = "2026-03-01T10:00:00.000Z";
const PER_TENANT = ["users", "api_keys", "spend", "requests", "charges"] as const;

describe.each(forms)("who may see and write what on $name", (form) => {
  let endpoint: NeonEndpoint;
  let root: Client;
  let app: Client;
  let ledger: Client;
  let admin: Client;

  beforeAll(async () => {
    endpoint = await startMigrated(form);
    const as = (role?: string): Client => neon(endpoint.connectionString(role));
    [root, app, ledger, admin] = [as(), as("app"), as("ledger"), as("admin")];
    for (const tenant of ["red", "blue"]) {
      await seed(seedOf(tenant));
      await admin`insert into users (tenant_id, id) values (${tenant}, 'ann')`;
      await ledger.transaction(settle(ledger, `req_${tenant}`, tenant));
    }
  }, 120_000);
  afterAll(() => endpoint.close(), 60_000);

  function seedOf(tenant: string): SeedOptions {
    const key = { id: `key_${tenant}`, hash: `hash of ${tenant}`, pepperVersion: 1, user: "ann", tier: "free" };
    return {
      connectionString: endpoint.connectionString("admin"),
      tenant,
      tenantName: `Tenant ${tenant}`,
      corsOrigins: ["https://a.example", "http://b.example:8080"],
      keys: [{ ...key, scopes: ["inference"], allowedModels: ["chat", "embed"] }],
      prices: [
        { backend: "home", model: "m", inputNanoUsdPerMillion: 100_000_000, outputNanoUsdPerMillion: 400_000_000 },
      ],
    };
  }

  function settle(run: Client, id: string, tenant: string) {
    return [
      run`insert into requests (id, tenant_id, key_id, status, outcome, operation, alias, estimated, cost_nano_usd, started_at)
        values (${id}, ${tenant}, ${`key_${tenant}`}, 'settled', 'completed', 'chat', 'chat', false, 700, ${STARTED})
        on conflict (id) do nothing returning id`,
      run`insert into charges (request_id, ordinal, tenant_id, kind, backend, model, outcome, estimated, cost_nano_usd, started_at)
        values (${id}, 0, ${tenant}, 'attempt', 'home', 'm', 'completed', false, 700, ${STARTED})
        on conflict (request_id, ordinal) do nothing returning ordinal`,
    ];
  }

  const setTenant = (tenant: string) => app`select set_config('app.tenant', ${tenant}, true)`;

  async function seenBy(tenant: string | undefined): Promise<Record<string, unknown>> {
    const reads = PER_TENANT.map((table) => app.query(`select array_agg(distinct tenant_id) as tenants from ${table}`));
    const own = app`select array_agg(id) as tenants from tenants`;
    const results = await app.transaction([...(tenant === undefined ? [] : [setTenant(tenant)]), ...reads, own]);
    const rows = results.slice(tenant === undefined ? 0 : 1).map((result) => result[0]?.tenants);
    return Object.fromEntries([...PER_TENANT, "tenants"].map((table, at) => [table, rows[at]]));
  }

  // planted: the policy of `spend` left out of one tenant's comparison (`using (true)`).
  it("shows `app` the rows of the tenant that is set, in every table, and no row without one", async () => {
    for (const tenant of ["red", "blue"]) {
      const seen = await seenBy(tenant);
      expect(seen).toEqual(Object.fromEntries([...PER_TENANT, "tenants"].map((table) => [table, [tenant]])));
    }
    for (const nobody of [undefined, "", "*", "%", "green", "red' or true --"]) {
      expect(new Set(Object.values(await seenBy(nobody)))).toEqual(new Set([null]));
    }
    expect(await app`select count(*)::int as n from prices`).toEqual([{ n: 1 }]);
  });

  // planted: INSERT on api_keys, and on audit with its policy, left to `app`.
  it("lets `app` write nothing, not even rows of its tenant", async () => {
    for (const statement of [
      "insert into api_keys (id, tenant_id, hash, pepper_version, tier, scopes) values ('key_new', 'red', 'h', 1, 'free', '{}')",
      "update api_keys set revoked_at = now(), version = version + 1",
      "insert into audit (actor, action, tenant_id) values ('a', 'key.mint', 'red')",
      "select * from audit",
      "delete from api_keys",
      "update tenants set name = 'mine'",
      "update spend set nano_usd = 0",
      "update requests set cost_nano_usd = 0",
      "delete from charges",
      "insert into prices values ('b', 'm', now(), 0, 0)",
      "insert into config_overlays values (1, '{}', 'a')",
    ]) {
      await expect(app.transaction([setTenant("red"), app.query(statement)]), statement).rejects.toMatchObject(DENIED);
    }
  });

  // planted: SELECT on api_keys granted to `ledger`.
  it("lets `ledger` write every tenant's requests and charges, and know nothing of keys", async () => {
    expect(await ledger`select count(*)::int as n from requests`).toEqual([{ n: 2 }]);
    for (const statement of [
      "select id from api_keys",
      "select id from tenants",
      "select id from users",
      "select * from api_key_snapshot('key_red')",
      "select * from audit",
      "select * from spend",
      "update spend set nano_usd = 0",
      "delete from requests",
      "insert into prices values ('b', 'm', now(), 0, 0)",
    ]) {
      await expect(ledger.query(statement), statement).rejects.toMatchObject(DENIED);
    }
  });

  // planted: the charges' foreign key without its cascade (their primary keys cannot go: the inserts name them).
  it("writes a request and its charges once, however often the event comes", async () => {
    const first = await ledger.transaction(settle(ledger, "req_twice", "red"));
    const second = await ledger.transaction(settle(ledger, "req_twice", "red"));
    expect(first.map((rows) => rows.length)).toEqual([1, 1]);
    expect(second.map((rows) => rows.length)).toEqual([0, 0]);
    await root`delete from requests where id = 'req_twice'`;
    expect(await root`select count(*)::int as n from charges where request_id = 'req_twice'`).toEqual([{ n: 0 }]);
  });

  // planted: `default 0` on the token columns.
  it("keeps unknown tokens apart from zero, and every column's digits, through drizzle", async () => {
    const db = drizzle(ledger, { casing });
    const row = {
      id: "req_drizzle",
      tenantId: "red",
      status: "abandoned",
      outcome: "abandoned",
      operation: "chat",
      alias: "chat",
      estimated: true,
      inputTokens: 0,
      costNanoUsd: 9_007_199_254_740_991,
      startedAt: new Date(STARTED),
      durationMs: 12.5,
      decisions: [{ step: "admit", decision: "admitted", ioMs: 1.25 }],
    } as const;
    await db.insert(requests).values(row);
    await db
      .insert(charges)
      .values({ ...row, requestId: row.id, ordinal: 0, kind: "hedge", backend: "b", model: "m", outcome: "cancelled" });
    const [stored] = await db.select().from(requests).where(eq(requests.id, row.id));
    expect(stored).toMatchObject({ ...row, outputTokens: null, cachedInputTokens: null, countedAt: null });
    const negative = db.insert(requests).values({ ...row, id: "req_negative", costNanoUsd: -1 });
    await expect(negative).rejects.toMatchObject({
      cause: { code: "23514", constraint: "requests_cost_not_negative" },
    });
    await root`delete from requests where id = ${row.id}`;
  });

  // planted: DELETE granted to `admin` as well.
  it("lets `admin` see and set up all tenants, and neither change the past nor delete", async () => {
    expect(await admin`select count(*)::int as n from api_keys where id like 'key\_%'`).toMatchObject([{ n: 2 }]);
    await admin`insert into config_overlays (version, body, author) values (1, '{"version": 1}', 'test')`;
    await expect(
      admin`insert into config_overlays (version, body, author) values (1, '{}', 'test')`,
    ).rejects.toMatchObject({
      code: "23505",
    });
    for (const statement of [
      "update requests set cost_nano_usd = 0",
      "update spend set nano_usd = 0",
      "delete from api_keys",
      "delete from audit",
      "update audit set actor = 'nobody'",
      "update config_overlays set author = 'nobody'",
    ]) {
      await expect(admin.query(statement), statement).rejects.toMatchObject(DENIED);
    }
  });

  // planted: the function made SECURITY INVOKER.
  it("gives `app` a key's snapshot by its id alone", async () => {
    expect(await app`select * from api_key_snapshot('key_red')`).toEqual([
      {
        id: "key_red",
        hash: "hash of red",
        pepper_version: 1,
        version: "1",
        tenant_id: "red",
        tenant_name: "Tenant red",
        cors_origins: ["https://a.example", "http://b.example:8080"],
        stores_responses: false,
        user_id: "ann",
        tier: "free",
        scopes: ["inference"],
        allowed_models: ["chat", "embed"],
        expires_at_ms: null,
        revoked_at_ms: null,
        limits: null,
        tenant_limits: null,
      },
    ]);
    expect(await app`select * from api_key_snapshot('key_%')`).toEqual([]);
    expect(await app`select * from api_key_snapshot(${null})`).toEqual([]);
  });

  // planted: the users' moment left out of `least`.
  it("shows a key as revoked from the first moment that it, its user or its tenant was switched off", async () => {
    const revokedAt = async () => {
      const [row] = await app`select revoked_at_ms from api_key_snapshot('key_blue')`;
      return row?.revoked_at_ms;
    };
    await admin`update tenants set disabled_at = '2026-05-02T00:00:00Z' where id = 'blue'`;
    expect(await revokedAt()).toBe(String(Date.parse("2026-05-02T00:00:00Z")));
    await admin`update users set disabled_at = '2026-05-01T00:00:00.250Z' where tenant_id = 'blue'`;
    expect(await revokedAt()).toBe(String(Date.parse("2026-05-01T00:00:00.250Z")));
    await admin`update users set disabled_at = null`;
    await admin`update tenants set disabled_at = null`;
    expect(await revokedAt()).toBeNull();
  });

  // planted: `on conflict do update` in the seed of tenants.
  it("seeds again without changing anything", async () => {
    await admin`update tenants set name = 'renamed' where id = 'red'`;
    await seed(seedOf("red"));
    expect(await admin`select name from tenants where id = 'red'`).toEqual([{ name: "renamed" }]);
    expect(await admin`select count(*)::int as n from prices`).toEqual([{ n: 1 }]);
    await admin`update tenants set name = 'Tenant red' where id = 'red'`;
    const dearer = {
      backend: "home",
      model: "m",
      inputNanoUsdPerMillion: 200_000_000,
      outputNanoUsdPerMillion: 400_000_000,
    };
    await seed({ ...seedOf("red"), prices: [dearer] });
    expect(await admin`select count(*)::int as n from prices`).toEqual([{ n: 2 }]);
    await root`delete from prices where input_nano_usd_per_million = 200000000`;
  });
});
