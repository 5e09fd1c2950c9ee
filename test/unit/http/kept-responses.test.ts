import { describe, expect, it } from "vitest";
import type { KeySnapshot } from "../../../src/core/identity.ts";
import type { KeptAnswers, KeptLookup } from "../../../src/core/ports.ts";
import { createApp, type HttpDependencies } from "../../../src/http/app.ts";
import { keptEntry } from "../../../src/stages/kept-entry.ts";
import { playedGateway } from "../../support/pipeline.ts";

const KEY = `gw_${"a".repeat(16)}_${"b".repeat(43)}`;
const ENTRY = keptEntry({
  tenant: "acme",
  alias: "chat",
  answer: { id: "resp_1", object: "response", output: [] },
  items: [
    { role: "user", content: "Hi" },
    { type: "function_call", id: "fc_1", name: "f" },
    { content: [], role: "user" },
  ],
});

const snapshot: KeySnapshot = {
  keyId: "a".repeat(16),
  hash: "",
  pepperVersion: 1,
  tenant: "acme",
  tier: "open",
  scopes: ["inference"],
  version: 1,
};

function app(keptAnswers: KeptAnswers, more: Partial<KeySnapshot> = {}) {
  const never = () => new Response();
  const gateway = playedGateway(
    never,
    { settlements: [], bugs: [], calls: [] },
    {
      keptAnswers,
      keys: { load: async () => ({ kind: "found", snapshot: { ...snapshot, ...more } }) },
      verifySecret: async () => true,
    },
  );
  const served = createApp({ gateway, admin: {}, operations: {}, origins: {} } as unknown as HttpDependencies);
  return async (method: string, path: string, key = KEY) => {
    const response = await served.request(path, { method, headers: { authorization: `Bearer ${key}` } });
    return { status: response.status, json: JSON.parse((await response.text()) || "null"), headers: response.headers };
  };
}

const answering = (reply: KeptLookup, asked: string[] = []): KeptAnswers => ({
  find: async (tenant, id) => {
    asked.push(`find ${tenant} ${id}`);
    return reply;
  },
  remove: async (tenant, id) => {
    asked.push(`remove ${tenant} ${id}`);
    return reply.kind === "found" ? { kind: "removed" } : reply;
  },
});

const ROUTES = [
  ["GET", "/v1/responses/resp_1"],
  ["DELETE", "/v1/responses/resp_1"],
  ["GET", "/v1/responses/resp_1/input_items"],
] as const;

describe("kept responses over HTTP", () => {
  it("are read, listed and deleted as the format has it, of the key's own tenant", async () => {
    const asked: string[] = [];
    const call = app(answering({ kind: "found", value: ENTRY }, asked));
    const [read, deleted, items] = [await call(...ROUTES[0]), await call(...ROUTES[1]), await call(...ROUTES[2])];
    expect(read).toMatchObject({ status: 200, json: { id: "resp_1", object: "response" } });
    expect(deleted).toMatchObject({ status: 200, json: { id: "resp_1", object: "response.deleted", deleted: true } });
    expect(items.json).toEqual({
      object: "list",
      data: [
        { id: "item_1_2", type: "message", role: "user", content: [] },
        { id: "fc_1", type: "function_call", name: "f" },
        { id: "item_1_0", type: "message", role: "user", content: [{ type: "input_text", text: "Hi" }] },
      ],
      first_id: "item_1_2",
      last_id: "item_1_0",
      has_more: false,
    });
    const ascending = await call("GET", "/v1/responses/resp_1/input_items?order=asc");
    expect(ascending.json.data).toEqual(items.json.data.toReversed());
    expect(new Set(asked)).toEqual(new Set(["find acme resp_1", "remove acme resp_1"]));
  });

  // planted: a store that is away taken for one that has nothing
  it.each(ROUTES)("%s %s is 503 while the store is away, and 404 where there is none", async (method, path) => {
    expect((await app(answering({ kind: "unavailable", detail: "timeout" }))(method, path)).status).toBe(503);
    expect((await app(answering({ kind: "unknown" }))(method, path)).status).toBe(404);
    const strange = method === "DELETE" ? { kind: "unknown" as const } : { kind: "found" as const, value: "{}" };
    expect((await app(answering(strange))(method, path)).status).toBe(404);
  });

  // planted: the key's scopes not asked for
  it.each(ROUTES)("%s %s needs a key that may run inference, and asks the store for no other", async (method, path) => {
    const asked: string[] = [];
    const kept = answering({ kind: "found", value: ENTRY }, asked);
    expect((await app(kept, { scopes: ["usage:read"] })(method, path)).status).toBe(403);
    expect((await app(kept, { revokedAt: 1 })(method, path)).status).toBe(401);
    expect((await app(kept)(method, path, "nonsense")).status).toBe(401);
    expect((await app(kept)(method, path.replace("resp_1", "a%20b"))).status).toBe(404);
    expect(asked).toEqual([]);
  });

  it("says what is not done, and which methods there are", async () => {
    const call = app(answering({ kind: "unknown" }));
    for (const path of ["compact", "input_tokens", "resp_1/cancel"]) {
      expect((await call("POST", `/v1/responses/${path}`)).status).toBe(501);
    }
    const wrong = await call("PUT", "/v1/responses/resp_1");
    expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, "GET, HEAD, DELETE, OPTIONS"]);
    expect((await call("GET", "/v1/responses/resp_1?stream=true")).status).toBe(400);
  });
});
