import { setTimeout as sleep } from "node:timers/promises";
import { type RedisEndpoint, startRedisEndpoint } from "../../../dev/redis/main.ts";
import type { LevelCharge } from "../../../src/core/ports.ts";
import type { WideEvent } from "../../../src/core/wide-event.ts";
import { NeonLedger } from "../../../src/stores/neon/ledger.ts";
import { UpstashAdmission } from "../../../src/stores/upstash/admission.ts";
import { UpstashKeyDirectory } from "../../../src/stores/upstash/key-directory.ts";
import { ACTIVE_TENANTS, dueKey, levelKey } from "../../../src/stores/upstash/keys.ts";
import { UpstashLedger } from "../../../src/stores/upstash/ledger.ts";
import { Link } from "../../../src/stores/upstash/link.ts";
import { UpstashMoney } from "../../../src/stores/upstash/money.ts";
import type { QueueMessage } from "../../../workers/ledger/src/consume.ts";
import type { Ledger } from "../../../workers/ledger/src/ports.ts";
import { startDatabase, type TestDatabase } from "../../support/database.ts";

const TOKEN = "ledger-test";
/** Long enough to do what a test does in it, short enough to wait for. */
const SHORT_LEASE_MS = 40;

/** The ledger over a local Redis and a local Postgres, and the gateway's side of both. */
export interface Bench {
  readonly database: TestDatabase;
  readonly redis: RedisEndpoint;
  readonly ledger: Ledger;
  readonly office: UpstashLedger;
  readonly money: UpstashMoney;
  readonly logged: Readonly<Record<string, string | number>>[];
  /** Starts anew with an empty Redis, whose tenants' money is open. Rows stay. */
  reset(): Promise<void>;
  /** What admission does for a request: reserves, and leaves the abandoned event behind. */
  admit(event: WideEvent, abandoned: WideEvent): Promise<void>;
  /** What the gateway's settle call does. */
  settle(event: WideEvent): Promise<void>;
  leaseOver(): Promise<void>;
  rows(requestId: string): Promise<{ readonly request: object | undefined; readonly charges: number }>;
  due(): Promise<readonly string[]>;
  dueOf(tenant: string): Promise<readonly string[]>;
  /** Makes a tenant one that the sweep looks at. */
  know(tenant: string): Promise<void>;
  /** Nano-dollars of the key: reserved and spent. */
  budget(): Promise<{ readonly reserved: number; readonly spent: number }>;
  /** How many requests the counters have counted, and how many of them as abandoned. */
  counted(): Promise<{ readonly all: number; readonly abandoned: number }>;
  close(): Promise<void>;
}

const KEY_ID = "abcdefgh234567ab";
const LEVELS: readonly LevelCharge[] = [
  {
    level: "key",
    subject: KEY_ID,
    limits: { concurrency: 1_000, budget: { limitNanoUsd: 10 ** 12, period: "total" } },
  },
];

export async function startBench(): Promise<Bench> {
  const [database, redis] = await Promise.all([
    startDatabase(),
    startRedisEndpoint({ tokens: [TOKEN], form: "embedded" }),
  ]);
  const link = new Link({ url: redis.url, token: TOKEN, timeoutMs: 2_000, connectMs: 0 });
  /** The ledger's own, so that faults of one side and rests of the other do not mix. */
  const ledgerLink = () => new Link({ url: redis.url, token: TOKEN, timeoutMs: 2_000, connectMs: 0 });
  const admission = new UpstashAdmission(link);
  const money = new UpstashMoney(link, { spent: async (_tenant, of) => of.map(() => 0) });
  const office = new UpstashLedger(link);
  const logged: Readonly<Record<string, string | number>>[] = [];
  const ask = async (...command: readonly string[]): Promise<unknown> => {
    const response = await fetch(redis.url, {
      method: "POST",
      headers: { authorization: `Bearer ${TOKEN}` },
      body: JSON.stringify(command),
    });
    return ((await response.json()) as { result?: unknown }).result;
  };
  const textsOf = (value: unknown): readonly string[] => (Array.isArray(value) ? value.map(String) : []);
  return {
    database,
    redis,
    ledger: {
      rows: new NeonLedger(database.as("ledger", 5_000)),
      // A new one each time: the store's own rest after failures is not what is tested here.
      get records() {
        return new UpstashLedger(ledgerLink());
      },
      countersOf: (event) => ({ all: 1, [event.outcome]: 1 }),
      log: (line) => logged.push(line),
      now: () => Date.now(),
    },
    office,
    money,
    logged,
    async reset() {
      redis.setFaults();
      await database.endpoint.control({});
      await redis.control({ flush: true });
      logged.length = 0;
      const keys = new UpstashKeyDirectory(link, { load: () => Promise.resolve({ kind: "unknown" }) });
      for (const tenant of ["acme", "globex"]) {
        const snapshot = { keyId: KEY_ID, hash: "h", pepperVersion: 1, tenant, tier: "free", scopes: [], version: 1 };
        await keys.publish(snapshot);
        await money.open(tenant);
      }
    },
    async admit(event, abandoned) {
      const request = {
        requestId: event.requestId,
        tenant: event.tenant,
        keyId: KEY_ID,
        keyVersion: 1,
        levels: LEVELS,
        reservation: { tokens: 500, costNanoUsd: event.reservedNanoUsd },
        leaseMs: SHORT_LEASE_MS,
        quarantineMs: 1_000,
        abandoned,
        breakers: [],
        probeMs: 1_000,
      };
      let reply = await admission.admit(request);
      if (reply.kind === "money-unseeded" && (await money.seed(event.tenant, reply.unseeded))) {
        reply = await admission.admit(request);
      }
      if (reply.kind !== "admitted") throw new Error(JSON.stringify(reply));
    },
    async settle(event) {
      const reply = await admission.settle({
        requestId: event.requestId,
        tenant: event.tenant,
        levels: LEVELS,
        reservation: { tokens: 500, costNanoUsd: event.reservedNanoUsd },
        actual: { tokens: 140, costNanoUsd: event.costNanoUsd },
        event,
        breakers: [],
      });
      if (reply.kind === "unavailable") throw new Error(reply.detail);
    },
    leaseOver: () => sleep(SHORT_LEASE_MS + 20),
    async rows(requestId) {
      const [request] = await database.query(
        "select status, outcome, cost_nano_usd from requests where id = $1",
        requestId,
      );
      const charges = await database.query("select 1 from charges where request_id = $1", requestId);
      return { request, charges: charges.length };
    },
    async due() {
      const tenants = textsOf(await ask("ZRANGE", ACTIVE_TENANTS, "0", "-1"));
      const lists = await Promise.all(tenants.map((tenant) => ask("ZRANGE", dueKey(tenant), "0", "-1")));
      return lists.flatMap(textsOf);
    },
    dueOf: async (tenant) => textsOf(await ask("ZRANGE", dueKey(tenant), "0", "-1")),
    async know(tenant) {
      await ask("ZADD", ACTIVE_TENANTS, "1", tenant);
    },
    async budget() {
      const held = textsOf(await ask("HMGET", levelKey("acme", "m", "key", KEY_ID), "r:total", "s:total"));
      const [reserved, spent] = held.map((text) => (text === "null" ? 0 : Number(text)));
      return { reserved: reserved ?? 0, spent: spent ?? 0 };
    },
    async counted() {
      const counters = await office.counters();
      if (!counters.ok) throw new Error(counters.failure);
      return { all: counters.value.all ?? 0, abandoned: counters.value.abandoned ?? 0 };
    },
    async close() {
      await Promise.all([database.close(), redis.close()]);
    },
  };
}

/** A message as the queue hands it over, and what became of it. */
export function message(events: readonly unknown[], attempts = 1): QueueMessage & { verdict: string } {
  const sent = {
    id: `message-${attempts}`,
    attempts,
    body: { kind: "events", events },
    verdict: "none",
    ack() {
      sent.verdict = "acked";
    },
    retry(options?: { readonly delaySeconds?: number }) {
      sent.verdict = `retried after ${options?.delaySeconds ?? 0} s`;
    },
  };
  return sent;
}
