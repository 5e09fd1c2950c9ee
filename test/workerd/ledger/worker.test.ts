import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Child, startChild } from "../../../dev/child.ts";
import { type Guard, startGuard } from "../../../dev/guard-handle.ts";
import { type RedisEndpoint, startRedisEndpoint } from "../../../dev/redis/main.ts";
import { type ListenReport, ledgerPlan } from "../../../dev/workerd.ts";
import { UpstashAdmission } from "../../../src/stores/upstash/admission.ts";
import { UpstashKeyDirectory } from "../../../src/stores/upstash/key-directory.ts";
import { UpstashLedger } from "../../../src/stores/upstash/ledger.ts";
import { Link } from "../../../src/stores/upstash/link.ts";
import { startDatabase, type TestDatabase } from "../../support/database.ts";
import { settledEvent } from "../../support/events.ts";

const TOKEN = "workerd-ledger";
const QUEUE = "llm-gateway-ledger";

let folder: string;
let guard: Guard;
let database: TestDatabase;
let redis: RedisEndpoint;
let worker: Child<ListenReport>;

/** The real Worker on workerd, behind the small host that turns HTTP into queue and cron events. */
async function startWorker(name: string, env: Readonly<Record<string, string>>): Promise<Child<ListenReport>> {
  const directory = join(folder, "code");
  const runDir = join(folder, name);
  mkdirSync(runDir, { recursive: true });
  const manifest = {
    compatibilityDate: "2026-10-20",
    compatibilityFlags: [],
    vars: {},
    consumes: [],
    crons: [],
    objects: [],
  };
  const host = { name, worker: { directory, ...manifest }, env, runDir, logFile: join(runDir, "log"), port: 0 };
  return startChild(ledgerPlan(host), { guard, restart: false });
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "ledger-worker-"));
  guard = startGuard();
  await build({
    entryPoints: [join(import.meta.dirname, "../../../workers/ledger/src/index.ts")],
    outfile: join(folder, "code", "index.js"),
    bundle: true,
    format: "esm",
    conditions: ["workerd", "worker", "browser"],
    logLevel: "error",
  });
  [database, redis] = await Promise.all([startDatabase(), startRedisEndpoint({ tokens: [TOKEN], form: "embedded" })]);
  worker = await startWorker("ledger", {
    UPSTASH_REDIS_REST_URL: redis.url,
    UPSTASH_REDIS_REST_TOKEN: TOKEN,
    DATABASE_URL: database.endpoint.connectionString("ledger"),
    NEON_FETCH_ENDPOINT: database.endpoint.url,
  });
});
afterAll(async () => {
  await worker?.stop();
  await Promise.all([database?.close(), redis?.close()]);
  await guard?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function order(path: string, body: object, target: Child<ListenReport> = worker): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${target.ready.port}/${path}`, {
    method: "POST",
    body: JSON.stringify(body),
  });
  return response.json();
}

function deliver(bodies: readonly unknown[], target?: Child<ListenReport>): Promise<unknown> {
  const messages = bodies.map((body, index) => ({ id: `m${index}`, timestampMs: Date.now(), attempts: 1, body }));
  return order("queue", { queue: QUEUE, messages }, target);
}

const rowsOf = (requestId: string) => database.query("select status from requests where id = $1", requestId);

/** What the gateway's settle call leaves in Redis. */
async function settledInRedis() {
  const event = settledEvent();
  const link = new Link({ url: redis.url, token: TOKEN, timeoutMs: 2_000, connectMs: 0 });
  const keys = new UpstashKeyDirectory(link, { load: () => Promise.resolve({ kind: "unknown" }) });
  await keys.announce({ tenant: event.tenant, keyId: event.keyId, version: 1 });
  const { requestId, tenant } = event;
  const reservation = { tokens: 0, costNanoUsd: 0 };
  const actual = { tokens: 140, costNanoUsd: event.costNanoUsd };
  await new UpstashAdmission(link).settle({ requestId, tenant, levels: [], reservation, actual, event, breakers: [] });
  const due = async () => {
    const records = await new UpstashLedger(link).due(tenant, 100);
    return records.ok ? records.value.map((record) => record.requestId) : ["unreadable"];
  };
  return { event, due };
}

describe("the ledger Worker on workerd", () => {
  it("writes what the queue brings, once, and acknowledges it in Redis", async () => {
    const { event, due } = await settledInRedis();
    const body = { kind: "events", events: [event] };
    expect(await deliver([body, body])).toEqual({ retry: [] });
    expect(await deliver([body])).toEqual({ retry: [] });
    expect(await rowsOf(event.requestId)).toEqual([{ status: "settled" }]);
    expect(await due()).toEqual([]);
  });

  // planted: the scheduled handler did not wait for the sweep
  it("writes on its cron what no message brought", async () => {
    const { event, due } = await settledInRedis();
    expect(await order("scheduled", { cron: "* * * * *", scheduledTimeMs: Date.now() })).toEqual({ outcome: "ok" });
    expect(await rowsOf(event.requestId)).toEqual([{ status: "settled" }]);
    expect(await due()).toEqual([]);
  });

  // planted: an unreadable message was not retried, so that the platform acknowledged it
  it("asks for the message again that it cannot read, and for no other", async () => {
    const event = settledEvent();
    expect(await deliver([{ kind: "events", events: [event] }, { kind: "unknown" }])).toEqual({
      retry: [{ id: "m1", delaySeconds: 2 }],
    });
    expect(await rowsOf(event.requestId)).toEqual([{ status: "settled" }]);
  });

  it("asks for every message again while Postgres is away", async () => {
    const event = settledEvent();
    await database.endpoint.control({ status: 503 });
    expect(await deliver([{ kind: "events", events: [event] }])).toEqual({ retry: [{ id: "m0", delaySeconds: 2 }] });
    await database.endpoint.control({});
    expect(await deliver([{ kind: "events", events: [event] }])).toEqual({ retry: [] });
  });

  it("keeps every message when a setting is missing, and says which", async () => {
    const bare = await startWorker("bare", { UPSTASH_REDIS_REST_URL: redis.url, UPSTASH_REDIS_REST_TOKEN: TOKEN });
    try {
      expect(await deliver([{ kind: "events", events: [settledEvent()] }], bare)).toEqual({ retry: [{ id: "m0" }] });
      expect(bare.log()).toContain("the ledger Worker lacks settings: DATABASE_URL");
      expect(bare.log()).not.toContain(TOKEN);
    } finally {
      await bare.stop();
    }
  });

  it("logs no value of an event", async () => {
    const { event } = await settledInRedis();
    const { costNanoUsd: _cost, ...broken } = { ...event, alias: "canary-alias", user: "canary-user" };
    await deliver([{ kind: "events", events: [broken] }]);
    expect(worker.log()).toContain("costNanoUsd: invalid_type");
    expect(worker.log()).not.toContain("canary");
  });
});
