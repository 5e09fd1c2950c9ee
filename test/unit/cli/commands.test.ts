import { describe, expect, it } from "vitest";
import {
  type Admin,
  createTenant,
  listDead,
  listKeys,
  listTenants,
  mintKey,
  replayDead,
  revokeKey,
  setTenantDisabled,
  setTenantStores,
  showRequest,
  showUsage,
} from "../../../cli/commands.ts";
import { ok } from "../../../src/core/result.ts";
import { build, KEY_ID, NOW } from "../http/admin-bench.ts";

const usageRow = {
  group: "chat",
  requests: 2,
  inputTokens: 10,
  outputTokens: 5,
  cachedInputTokens: 0,
  costNanoUsd: 1_500,
  estimated: 1,
};

/** The commands' way to the gateway, straight into the admin routes. */
function gateway() {
  const { call, minted, queries } = build({
    usage: { usage: () => Promise.resolve(ok([usageRow])) },
    tenants: {
      create: (tenant) => Promise.resolve(ok({ ...tenant, createdAt: NOW })),
      list: () =>
        Promise.resolve(ok({ items: [{ tenant: "acme", corsOrigins: ["https://a.example.com"], createdAt: NOW }] })),
      change: (tenant, { disabled = false, storesResponses = false }) =>
        Promise.resolve(
          ok({
            listing: { tenant, corsOrigins: [], storesResponses, createdAt: NOW, ...(disabled && { disabledAt: NOW }) },
            keys: [],
          }),
        ),
    },
    requests: {
      find: () =>
        Promise.resolve(
          ok({
            request: { tenantId: "acme", costNanoUsd: 1_400 },
            charges: [{ ordinal: 0, backend: "vllm", costNanoUsd: 1_400 }],
            decisions: [{ step: "admit", decision: "admitted", ioMs: 1.5 }],
            translations: [],
          }),
        ),
    },
    deadLetters: {
      dead: () =>
        Promise.resolve(ok([{ tenant: "acme", requestId: "req_1", reason: "v: invalid_value", buriedAt: NOW }])),
      replay: ({ requestIds }) => Promise.resolve(ok(requestIds?.length ?? 7)),
    },
  });
  const admin: Admin = async (path, { method = "GET", query = {}, body } = {}) => {
    const given = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
    const response = await call(method, `${path}?${new URLSearchParams(given)}`, body);
    const json = (await response.json()) as Record<string, unknown>;
    if (!response.ok) throw new Error(JSON.stringify(json));
    return json;
  };
  return { admin, minted, queries };
}

describe("the command line and the admin routes understand each other about", () => {
  // planted: `models` was sent by its own name, and not as `allowedModels`
  it("minting", async () => {
    const { admin, minted } = gateway();
    const wish = { tenant: "acme", name: "ci", user: "ada", tier: "premium", scopes: ["inference"], models: ["chat"] };
    const printed = await mintKey(admin, { ...wish, expires: "2027-01-01T00:00:00Z" });
    expect(printed.text).toMatch(/^gw_[a-z2-7]{16}_\w{43}\n/);
    expect(minted).toMatchObject([
      { tenant: "acme", user: "ada", tier: "premium", allowedModels: ["chat"], expiresAt: Date.UTC(2027, 0, 1) },
    ]);
  });

  it("keys and tenants", async () => {
    const { admin } = gateway();
    expect((await listKeys(admin, { tenant: "acme" })).text).toContain(KEY_ID);
    expect((await revokeKey(admin, KEY_ID)).text).toBe(`${KEY_ID} is revoked`);
    expect((await createTenant(admin, "beta", { name: "Beta", origins: ["https://b.example.com"] })).text).toContain(
      "beta",
    );
    expect((await listTenants(admin)).text).toContain("https://a.example.com");
    expect((await setTenantDisabled(admin, "acme", true)).text).toBe("acme is disabled, with 0 keys");
    expect((await setTenantDisabled(admin, "acme", false)).text).toBe("acme is enabled, with 0 keys");
    const kept = await setTenantStores(admin, "acme", true);
    expect([kept.text, kept.json]).toMatchObject([
      "acme is allowed to have responses kept, with 0 keys",
      { storesResponses: true },
    ]);
  });

  // planted: `keys` for every number; the tenant of an empty answer not looked for
  it("one key, and a tenant that is none", async () => {
    const one = { tenant: "acme", pending: [], keys: 1 };
    const change: Admin = () => Promise.resolve(one);
    expect((await setTenantDisabled(change, "acme", true)).text).toBe("acme is disabled, with 1 key");
    const nothing: Admin = (path) => Promise.resolve({ data: path === "/tenants" ? [{ tenant: "acme" }] : [] });
    expect((await showUsage(nothing, { tenant: "acme" })).text).toMatch(/^nothing was used/);
    expect((await listKeys(nothing, { tenant: "acme" })).text).toMatch(/^no keys yet/);
    expect((await listKeys(nothing, {})).text).toMatch(/^no keys yet/);
    await expect(showUsage(nothing, { tenant: "acne" })).rejects.toThrow(/^there is no tenant acne/);
    await expect(listKeys(nothing, { tenant: "acne" })).rejects.toThrow(/^there is no tenant acne/);
  });

  // planted: the cost was read from another field
  it("usage and single requests, with costs in dollars", async () => {
    const { admin } = gateway();
    const usage = await showUsage(admin, { tenant: "acme", from: "2026-11-01", by: "alias" });
    expect(usage.text.split("\n").map((line) => line.split(/ {2,}/))).toEqual([
      ["alias", "requests", "input tokens", "of them cached", "output tokens", "cost", "estimated"],
      ["chat", "2", "10", "0", "5", "$0.0000015", "1"],
    ]);
    const { text } = await showRequest(admin, "req_1");
    for (const part of ["$0.0000014", "vllm", "admitted"]) expect(text).toContain(part);
  });

  it("dead letters", async () => {
    const { admin } = gateway();
    expect((await listDead(admin, {})).text).toContain("v: invalid_value");
    expect((await replayDead(admin, [], {})).text).toMatch(/^7 due again/);
    expect((await replayDead(admin, ["req_1"], { tenant: "acme" })).text).toMatch(/^1 due again/);
    await expect(replayDead(admin, ["req_1"], {})).rejects.toThrow("tenant");
  });
});
