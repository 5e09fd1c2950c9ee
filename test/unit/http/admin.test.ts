import { describe, expect, it } from "vitest";
import type { Failure } from "../../../src/core/failure.ts";
import { fail, ok } from "../../../src/core/result.ts";
import { hashSecret, parseApiKey } from "../../../src/stages/api-key.ts";
import { build, KEY_ID, missing, NOW, stubKeys } from "./admin-bench.ts";

const away: Failure = { type: "gateway_unavailable", message: "The database is away.", retryAfterMs: 1_500 };

describe("admin API: the door", () => {
  // planted: an absent ADMIN_KEY let everybody in
  it.each([undefined, ""])("is closed without an admin key, also for an empty credential", async (adminKey) => {
    const { call } = build({ adminKey });
    for (const authorization of [undefined, "Bearer ", "Bearer x", "Bearer undefined"]) {
      expect((await call("GET", "/keys", undefined, authorization)).status).toBe(403);
    }
  });

  // planted: compared by prefix
  it.each([
    undefined,
    "",
    "Bearer",
    "Bearer admin-secre",
    "Bearer admin-secret1",
    "Basic admin-secret",
    "admin-secret",
  ])("refuses %j with 401 before anything is read", async (authorization) => {
    const { call, seen } = build();
    const response = await call("POST", "/keys", { tenant: "acme" }, authorization ?? "");
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ error: { type: "authentication_error", param: null } });
    expect(seen).toEqual([]);
  });

  it("answers unknown paths with 404 and wrong methods with 405 and Allow, as JSON", async () => {
    const { call } = build();
    expect((await call("GET", "/nothing")).status).toBe(404);
    const wrong = await call("PATCH", "/keys");
    expect(wrong.status).toBe(405);
    expect(wrong.headers.get("allow")).toBe("GET, HEAD, POST, OPTIONS");
  });

  // planted: the error's message was put into the reply
  it("says nothing about a bug, and reports it", async () => {
    const { call, reported } = build({
      keys: {
        ...stubKeys(),
        list: () => Promise.reject(new Error("postgres://owner:hunter2@db")),
      },
    });
    const response = await call("GET", "/keys");
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("hunter2");
    expect(reported).toHaveLength(1);
  });
});

describe("admin API: keys", () => {
  it("shows a minted key once and stores its keyed hash under the pepper's version", async () => {
    const { call, minted } = build();
    const response = await call("POST", "/keys", { tenant: "acme", name: "ci", expiresAt: "2027-01-01T00:00:00Z" });
    expect(response.status).toBe(201);
    expect(response.headers.get("cache-control")).toBe("no-store");
    const body = (await response.json()) as { key: string; id: string; expiresAt: string };
    const parsed = parseApiKey(body.key);
    expect(parsed?.id).toBe(body.id);
    expect(body.expiresAt).toBe("2027-01-01T00:00:00.000Z");
    expect(minted).toHaveLength(1);
    expect(minted[0]).toMatchObject({ tenant: "acme", tier: "free", scopes: ["inference"], pepperVersion: 3 });
    expect(minted[0]?.hash).toBe(await hashSecret("pepper", parsed?.secret ?? ""));
    expect(JSON.stringify(minted)).not.toContain(parsed?.secret);
  });

  // planted: the hash was part of the listing's face
  it("lists keys without their hashes", async () => {
    const text = await (await build().call("GET", "/keys?tenant=acme")).text();
    expect(text).toContain(KEY_ID);
    expect(text).not.toMatch(/hash|pepper/);
  });

  const invalid: readonly (readonly [unknown, string | null])[] = [
    [{}, "tenant"],
    [{ tenant: "Has Space" }, "tenant"],
    [{ tenant: "acme{x}" }, "tenant"],
    [{ tenant: "acme", scope: ["inference"] }, "scope"],
    [{ tenant: "acme", scopes: ["root"] }, "scopes[0]"],
    [{ tenant: "acme", tier: "platinum" }, "tier"],
    [{ tenant: "acme", allowedModels: ["chat", "gtp-4"] }, "allowedModels[1]"],
    [{ tenant: "acme", expiresAt: "2020-01-01T00:00:00Z" }, "expiresAt"],
    [{ tenant: "acme", expiresAt: "tomorrow" }, "expiresAt"],
    [
      { tenant: "acme", limits: { key: { budget: { limitNanoUsd: 1.5, period: "day" } } } },
      "limits.key.budget.limitNanoUsd",
    ],
    [{ tenant: "acme", limits: { key: { requestsPerMinute: 0 } } }, "limits.key.requestsPerMinute"],
    [{ tenant: "acme", limits: { team: {} } }, "limits.team"],
    [{ tenant: "acme", name: "a\u0000b" }, "name"],
    [[], null],
  ];
  // planted: schemas were not strict; the path was left out of the complaint
  it.each(invalid)("refuses %j and names the field", async (body, param) => {
    const { call, minted } = build();
    const response = await call("POST", "/keys", body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { type: "invalid_request_error", param } });
    expect(minted).toEqual([]);
  });

  it("refuses a body that is too large, not JSON, or names a field twice", async () => {
    const { call } = build();
    expect((await call("POST", "/keys", `{"tenant":"${"a".repeat(300_000)}"}`)).status).toBe(413);
    expect((await call("POST", "/keys", "{")).status).toBe(400);
    const twice = await call("POST", "/keys", '{"tenant":"a","tenant":"b"}');
    expect(await twice.json()).toMatchObject({ error: { param: "tenant" } });
  });

  // planted: 200 was answered without asking the announcer
  it("answers a revocation with 200 only when Redis has it, else 202 with what is pending", async () => {
    const told: unknown[] = [];
    let reachable = false;
    const { call } = build({
      announcer: {
        announce: (key) => {
          told.push(key);
          return Promise.resolve(reachable);
        },
        announceAll: () => Promise.resolve(reachable),
      },
    });
    const first = await call("DELETE", `/keys/${KEY_ID}`);
    expect(first.status).toBe(202);
    expect(await first.json()).toMatchObject({ id: KEY_ID, revoked: true, pending: ["redis"] });
    reachable = true;
    const second = await call("DELETE", `/keys/${KEY_ID}`);
    expect(second.status).toBe(200);
    expect(await second.json()).toMatchObject({ pending: [] });
    expect(told).toEqual([
      { tenant: "acme", keyId: KEY_ID, version: 2 },
      { tenant: "acme", keyId: KEY_ID, version: 2 },
    ]);
  });

  it("answers 400 for an id that is none, 404 for a key that is not there", async () => {
    expect((await build().call("DELETE", "/keys/..%2Fetc")).status).toBe(400);
    const keys = { ...stubKeys(), revoke: () => Promise.resolve(fail(missing)) };
    expect((await build({ keys }).call("DELETE", `/keys/${KEY_ID}`)).status).toBe(404);
  });
});

describe("admin API: everything else", () => {
  // planted: a failed store was answered with 500
  it("answers 503 with Retry-After while the database is away", async () => {
    const unavailable = () => Promise.resolve(fail(away));
    const { call } = build({
      keys: { mint: unavailable, list: unavailable, revoke: unavailable },
      tenants: { create: unavailable, list: unavailable, change: unavailable },
      usage: { usage: unavailable },
      requests: { find: unavailable },
      overlay: { current: unavailable, publish: unavailable },
    });
    const calls: readonly (readonly [string, string, unknown?])[] = [
      ["GET", "/keys"],
      ["POST", "/keys", { tenant: "acme" }],
      ["DELETE", `/keys/${KEY_ID}`],
      ["GET", "/tenants"],
      ["POST", "/tenants", { tenant: "acme" }],
      ["PATCH", "/tenants/acme", { disabled: true }],
      ["GET", "/usage?tenant=acme"],
      ["GET", "/requests/req_1"],
      ["GET", "/overlay"],
      ["PUT", "/overlay", { version: 1 }],
    ];
    for (const [method, path, body] of calls) {
      const response = await call(method, path, body);
      expect([path, response.status, response.headers.get("retry-after")]).toEqual([path, 503, "2"]);
    }
  });

  it("opens a new tenant's money, and says when Redis could not be told", async () => {
    const opened: string[] = [];
    const money = (reachable: boolean) => ({
      open: (tenant: string) => {
        opened.push(tenant);
        return Promise.resolve(reachable);
      },
    });
    const body = { tenant: "acme", corsOrigins: ["https://app.example.com"] };
    const told = await build({ money: money(true) }).call("POST", "/tenants", body);
    expect([told.status, await told.json()]).toMatchObject([201, { tenant: "acme", pending: [] }]);
    const pending = await build({ money: money(false) }).call("POST", "/tenants", body);
    expect([pending.status, await pending.json()]).toMatchObject([201, { pending: ["redis"] }]);
    expect(opened).toEqual(["acme", "acme"]);
  });

  // planted: 200 was answered without asking the announcer
  it("answers a tenant's disabling with 200 only when Redis has all its keys, else 202 with what is pending", async () => {
    const keys = ["a", "b"].map((letter) => ({ tenant: "acme", keyId: letter.repeat(16), version: 2 }));
    const told: unknown[] = [];
    const { call } = build({
      tenants: {
        create: () => Promise.resolve(fail(missing)),
        list: () => Promise.resolve(ok({ items: [] })),
        change: (tenant, { disabled = false }) =>
          Promise.resolve(
            ok({ listing: { tenant, corsOrigins: [], createdAt: NOW, ...(disabled && { disabledAt: NOW }) }, keys }),
          ),
      },
      announcer: {
        announce: () => Promise.resolve(false),
        announceAll: (some) => Promise.resolve(told.push(some) > 1),
      },
    });
    const disabled = await call("PATCH", "/tenants/acme", { disabled: true });
    expect([disabled.status, await disabled.json()]).toMatchObject([
      202,
      { tenant: "acme", disabledAt: new Date(NOW).toISOString(), keys: 2, pending: ["redis"] },
    ]);
    const enabled = await call("PATCH", "/tenants/acme", { disabled: false });
    expect([enabled.status, await enabled.json()]).toMatchObject([200, { disabledAt: null, pending: [] }]);
    expect(told).toEqual([keys, keys]);
  });

  it.each([
    ["acme", {}, 400, "disabled"],
    ["acme", { disabled: "yes" }, 400, "disabled"],
    ["acme", { disabled: true, name: "x" }, 400, "name"],
    ["Has%20Space", { disabled: true }, 400, "id"],
    ["nobody", { disabled: true }, 404, null],
  ])("refuses a change of the tenant %s to %j", async (tenant, body, status, param) => {
    const response = await build().call("PATCH", `/tenants/${tenant}`, body);
    expect([response.status, await response.json()]).toMatchObject([status, { error: { param } }]);
  });

  it.each(["https://app.example.com/", "app.example.com", "https://a b", "javascript:alert(1)"])(
    "refuses the origin %j",
    async (origin) => {
      const response = await build().call("POST", "/tenants", { tenant: "acme", corsOrigins: [origin] });
      expect(await response.json()).toMatchObject({ error: { param: "corsOrigins[0]" } });
    },
  );

  // planted: `to` was read as inclusive; the default span began at the epoch
  it("reads usage over [from, to), the last 30 days by day where nothing is said", async () => {
    const { call, queries } = build();
    await call("GET", "/usage?tenant=acme");
    await call("GET", "/usage?tenant=acme&from=2026-11-01&to=2026-11-02T12:00:00%2B02:00&by=backend");
    expect(queries).toEqual([
      { tenant: "acme", by: "day", from: NOW - 30 * 86_400_000, to: NOW },
      { tenant: "acme", by: "backend", from: Date.UTC(2026, 10, 1), to: Date.UTC(2026, 10, 2, 10) },
    ]);
  });

  it.each([
    ["/usage", "tenant"],
    ["/usage?tenant=acme&by=hour", "by"],
    ["/usage?tenant=acme&from=yesterday", "from"],
    ["/usage?tenant=acme&from=2026-11-02&to=2026-11-01", "from"],
    ["/usage?tenant=acme&from=2020-01-01", "from"],
    ["/usage?tenant=acme&tenant=other", "tenant"],
    ["/keys?limit=0", "limit"],
    ["/keys?limit=201", "limit"],
    ["/keys?page=2", "page"],
    ["/requests/a%00b", "id"],
  ])("refuses GET %s and names %s", async (path, param) => {
    const response = await build().call("GET", path);
    expect([response.status, await response.json()]).toMatchObject([400, { error: { param } }]);
  });

  // planted: the overlay was published without asking whether it fits
  it("refuses an overlay that does not fit the configuration, and says when Redis could not be told", async () => {
    const misfit = await build({ misfits: () => [{ path: "weights.chat", reason: "must be two numbers" }] }).call(
      "PUT",
      "/overlay",
      { version: 1 },
    );
    expect([misfit.status, await misfit.json()]).toMatchObject([
      400,
      { error: { param: "weights.chat", message: expect.stringContaining(": must be two numbers.") } },
    ]);
    const overlayAnnouncer = { publish: () => Promise.resolve(false) };
    const pending = await build({ overlayAnnouncer }).call("PUT", "/overlay", { version: 1 });
    expect([pending.status, await pending.json()]).toMatchObject([
      202,
      { overlay: { version: 1 }, pending: ["redis"] },
    ]);
  });

  it("replays dead letters of a tenant, and wants the tenant beside ids", async () => {
    const { call } = build();
    expect(await (await call("POST", "/ledger/replay", { tenant: "acme" })).json()).toEqual({
      object: "replay",
      replayed: 4,
    });
    const lone = await call("POST", "/ledger/replay", { requestIds: ["req_1"] });
    expect(await lone.json()).toMatchObject({ error: { param: "tenant" } });
  });
});
