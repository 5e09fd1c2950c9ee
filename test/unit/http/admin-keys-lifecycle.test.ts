import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisEndpoint, startRedisEndpoint } from "../../../dev/redis/main.ts";
import type { KeySnapshot } from "../../../src/core/identity.ts";
import { hashSecret, parseApiKey } from "../../../src/stages/api-key.ts";
import { NeonKeyAdministration } from "../../../src/stores/neon/key-administration.ts";
import { NeonKeys } from "../../../src/stores/neon/keys.ts";
import { NeonTenantAdministration } from "../../../src/stores/neon/tenants.ts";
import { UpstashAdmission } from "../../../src/stores/upstash/admission.ts";
import { UpstashKeyDirectory } from "../../../src/stores/upstash/key-directory.ts";
import { Link } from "../../../src/stores/upstash/link.ts";
import { startDatabase, type TestDatabase } from "../../support/database.ts";
import { abandonedOf, settledEvent } from "../../support/events.ts";
import { build } from "./admin-bench.ts";

const TOKEN = "lifecycle";
let database: TestDatabase;
let redis: RedisEndpoint;

beforeAll(async () => {
  [database, redis] = await Promise.all([startDatabase(), startRedisEndpoint({ tokens: [TOKEN], form: "embedded" })]);
});
beforeEach(async () => {
  redis.setFaults();
  await database.endpoint.control({});
});
afterAll(() => Promise.all([database.close(), redis.close()]));

/** One isolate of the gateway: its own connection, its own memory. */
function isolate() {
  const link = new Link({ url: redis.url, token: TOKEN, timeoutMs: 1_000, connectMs: 0 });
  const keys = new UpstashKeyDirectory(link, new NeonKeys(database.as("app")));
  const admission = new UpstashAdmission(link);
  const admit = async (snapshot: KeySnapshot) => {
    const event = settledEvent({ tenant: snapshot.tenant, keyId: snapshot.keyId });
    const reply = await admission.admit({
      requestId: event.requestId,
      tenant: snapshot.tenant,
      keyId: snapshot.keyId,
      keyVersion: snapshot.version,
      levels: [],
      reservation: { tokens: 0, costNanoUsd: 0 },
      leaseMs: 1_000,
      quarantineMs: 1_000,
      abandoned: abandonedOf(event),
      breakers: [],
      probeMs: 1_000,
    });
    return reply.kind;
  };
  return { keys, admit };
}

function adminAt(gateway: ReturnType<typeof isolate>) {
  return build({
    keys: new NeonKeyAdministration(database.as("admin")),
    tenants: new NeonTenantAdministration(database.as("admin")),
    announcer: gateway.keys,
  });
}

async function minted(admin: ReturnType<typeof adminAt>) {
  const response = await admin.call("POST", "/keys", { tenant: "acme", name: "lifecycle" });
  const { id, key } = (await response.json()) as { id: string; key: string };
  expect(response.status).toBe(201);
  return { id, key };
}

async function snapshotIn(gateway: ReturnType<typeof isolate>, id: string): Promise<KeySnapshot> {
  const found = await gateway.keys.load(id, false);
  if (found.kind !== "found") throw new Error(found.kind);
  return found.snapshot;
}

describe("a key from its minting to its end", () => {
  // planted: the announcement to Redis was left out
  it("works in every isolate, and in none from the moment its revocation is answered", async () => {
    const [here, there] = [isolate(), isolate()];
    const admin = adminAt(here);
    const { id, key } = await minted(admin);
    const [snapshot, same] = [await snapshotIn(here, id), await snapshotIn(there, id)];
    expect(snapshot).toEqual(same);
    expect(snapshot.hash).toBe(await hashSecret("pepper", parseApiKey(key)?.secret ?? ""));
    expect([await here.admit(snapshot), await there.admit(snapshot)]).toEqual(["admitted", "admitted"]);

    const revoked = await admin.call("DELETE", `/keys/${id}`);
    expect(revoked.status).toBe(200);
    expect([await here.admit(snapshot), await there.admit(snapshot)]).toEqual(["stale-key", "stale-key"]);
    for (const gateway of [here, there, isolate()]) {
      expect(await gateway.keys.load(id, true)).toMatchObject({ kind: "found", snapshot: { version: 2 } });
      expect((await snapshotIn(gateway, id)).revokedAt).toBeGreaterThan(0);
    }
  });

  // planted: the announcement was left out; it stopped after its first call
  it("stops in every isolate when its tenant is disabled, however many keys that has, and works again when it is enabled", async () => {
    const [here, there] = [isolate(), isolate()];
    const admin = adminAt(here);
    expect((await admin.call("POST", "/tenants", { tenant: "closing" })).status).toBe(201);
    const snapshots: KeySnapshot[] = [];
    for (let index = 0; index < 60; index++) {
      const { id } = (await (await admin.call("POST", "/keys", { tenant: "closing" })).json()) as { id: string };
      snapshots.push(await snapshotIn(there, id));
    }
    const kinds = async (gateway: ReturnType<typeof isolate>, some: readonly KeySnapshot[]) =>
      new Set(await Promise.all(some.map((snapshot) => gateway.admit(snapshot))));
    expect(await kinds(there, snapshots)).toEqual(new Set(["admitted"]));

    redis.setFaults({ fault: "reset" });
    expect((await admin.call("PATCH", "/tenants/closing", { disabled: true })).status).toBe(202);
    redis.setFaults();
    expect(await kinds(there, snapshots)).toEqual(new Set(["admitted"]));
    const disabled = await admin.call("PATCH", "/tenants/closing", { disabled: true });
    expect([disabled.status, await disabled.json()]).toMatchObject([200, { keys: 60, pending: [] }]);
    expect(await kinds(there, snapshots)).toEqual(new Set(["stale-key"]));
    const [first] = snapshots;
    const id = first?.keyId ?? "";
    for (const gateway of [here, there, isolate()])
      expect((await snapshotIn(gateway, id)).revokedAt).toBeGreaterThan(0);

    expect((await admin.call("PATCH", "/tenants/closing", { disabled: false })).status).toBe(200);
    const again = await snapshotIn(there, id);
    expect(again).toMatchObject({ version: 3 });
    expect(again.revokedAt).toBeUndefined();
    expect(await there.admit(again)).toBe("admitted");
  });

  it("is pending while Redis is away, and takes effect when the revocation is sent again", async () => {
    const gateway = isolate();
    const admin = adminAt(gateway);
    const { id } = await minted(admin);
    const snapshot = await snapshotIn(gateway, id);
    redis.setFaults({ fault: "reset" });
    const first = await admin.call("DELETE", `/keys/${id}`);
    expect([first.status, await first.json()]).toMatchObject([202, { revoked: true, pending: ["redis"] }]);
    redis.setFaults();
    expect(await gateway.admit(snapshot)).toBe("admitted");
    expect((await admin.call("DELETE", `/keys/${id}`)).status).toBe(200);
    expect(await gateway.admit(snapshot)).toBe("stale-key");
  });

  it("cannot be changed while Postgres is away, and goes on working", async () => {
    const gateway = isolate();
    const admin = adminAt(gateway);
    const { id } = await minted(admin);
    const snapshot = await snapshotIn(gateway, id);
    await database.endpoint.control({ status: 500 });
    expect((await admin.call("DELETE", `/keys/${id}`)).status).toBe(503);
    expect((await admin.call("POST", "/keys", { tenant: "acme" })).status).toBe(503);
    expect((await admin.call("GET", "/keys")).status).toBe(503);
    expect(await isolate().keys.load(id, false)).toMatchObject({ kind: "found" });
    expect(await gateway.admit(snapshot)).toBe("admitted");
  });

  // planted: the key's text was part of the row
  it("leaves its secret in no row and in no value of Redis", async () => {
    const gateway = isolate();
    const { id, key } = await minted(adminAt(gateway));
    await snapshotIn(gateway, id);
    const secret = parseApiKey(key)?.secret ?? "none";
    for (const table of ["api_keys", "audit"]) {
      expect(JSON.stringify(await database.query(`select * from ${table}`))).not.toContain(secret);
    }
    const snapshot = await fetch(redis.url, {
      method: "POST",
      headers: { authorization: `Bearer ${TOKEN}` },
      body: JSON.stringify(["GET", `key:${id}`]),
    });
    expect(await snapshot.text()).not.toContain(secret);
  });
});
