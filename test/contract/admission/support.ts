import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe } from "vitest";
import type { RedisEndpoint } from "../../../dev/redis/main.ts";
import type { LevelLimits } from "../../../src/core/config.ts";
import type { KeySnapshot } from "../../../src/core/identity.ts";
import type {
  AdmissionReply,
  AdmissionRequest,
  LevelCharge,
  Reservation,
  Settlement,
} from "../../../src/core/ports.ts";
import type { WideEvent } from "../../../src/core/wide-event.ts";
import { UpstashAdmission } from "../../../src/stores/upstash/admission.ts";
import { UpstashKeyDirectory } from "../../../src/stores/upstash/key-directory.ts";
import { UpstashLedger } from "../../../src/stores/upstash/ledger.ts";
import { type Command, Link } from "../../../src/stores/upstash/link.ts";
import { type SpentIn, UpstashMoney } from "../../../src/stores/upstash/money.ts";
import { forms, startForm, TOKEN } from "../redis/forms.ts";

export { TOKEN };

/** Every store over one endpoint, and what a test needs to look behind them. */
export interface Bench {
  readonly endpoint: RedisEndpoint;
  readonly link: Link;
  readonly admission: UpstashAdmission;
  readonly ledger: UpstashLedger;
  readonly money: UpstashMoney;
  /** What the ledger says was spent, by `<tenant> <level> <subject> <period>`; all else is 0. */
  readonly spent: Map<string, number>;
  readonly keys: UpstashKeyDirectory;
  /** Sends one command. */
  command(command: Command): Promise<unknown>;
  /** Every key under a prefix with its type and content, as one comparable value. */
  dump(prefix: string): Promise<Readonly<Record<string, unknown>>>;
}

export function linkTo(endpoint: RedisEndpoint, timeoutMs = 5_000): Link {
  return new Link({ url: endpoint.url, token: TOKEN, timeoutMs, connectMs: 0 });
}

/** As the gateway's step does it: budgets that Redis cannot count yet get the ledger's sums, and the request is made again. */
export class SeedingAdmission extends UpstashAdmission {
  readonly #money: UpstashMoney;

  constructor(link: Link, money = new UpstashMoney(link, { spent: async (_tenant, of) => of.map(() => 0) })) {
    super(link);
    this.#money = money;
  }

  override async admit(request: AdmissionRequest): Promise<AdmissionReply> {
    const reply = await super.admit(request);
    if (reply.kind !== "money-unseeded" || !(await this.#money.seed(request.tenant, reply.unseeded))) return reply;
    return super.admit(request);
  }
}

/** A bench over an endpoint that the caller owns. */
export function benchOver(endpoint: RedisEndpoint, link: Link = linkTo(endpoint)): Bench {
  const send: Bench["command"] = async (command) => {
    const answer = await link.run([command]);
    if (!answer.ok) throw new Error(`redis: ${answer.detail}`);
    const [reply] = answer.replies;
    if (reply?.error !== undefined) throw new Error(reply.error);
    return reply?.result;
  };
  const spent = new Map<string, number>();
  const sumOf = (tenant: string, { level, subject, period }: SpentIn) =>
    spent.get(`${tenant} ${level} ${subject} ${period}`) ?? 0;
  const money = new UpstashMoney(link, { spent: async (tenant, of) => of.map((place) => sumOf(tenant, place)) });
  return {
    endpoint,
    link,
    admission: new SeedingAdmission(link, money),
    ledger: new UpstashLedger(link),
    money,
    spent,
    keys: new UpstashKeyDirectory(link, { load: async () => ({ kind: "unknown" }) }),
    command: send,
    dump: (prefix) => dump(send, prefix),
  };
}

/**
 * A database of a shared server for each file of this folder, beyond those of the endpoint's own tests. Only read where REDIS_URL
 * names a server; a redis-server that is started here is each file's own.
 */
const DATABASES = [
  "admit",
  "breakers",
  "exactness",
  "faults",
  "keys",
  "law",
  "ledger",
  "money",
  "settle",
  "shared",
  "probes",
] as const;
const FIRST_DATABASE = 6;
/** As a server has by itself. */
const DATABASES_OF_A_SERVER = 16;

/** Runs a suite on every form of Redis that this machine has (test/contract/redis/forms.test.ts says which). */
export function onBothForms(file: (typeof DATABASES)[number], name: string, suite: (bench: () => Bench) => void): void {
  for (const form of forms) {
    describe(`${name}, on ${form}`, () => {
      let bench: Bench | undefined;
      beforeAll(async () => {
        bench = benchOver(await startForm(form, (FIRST_DATABASE + DATABASES.indexOf(file)) % DATABASES_OF_A_SERVER));
      });
      afterAll(async () => {
        await bench?.endpoint.close();
      });
      suite(() => {
        if (!bench) throw new Error("the endpoint did not start");
        return bench;
      });
    });
  }
}

/** A tenant that no other test uses, with one key and open money. */
export async function newTenant(bench: Bench): Promise<string> {
  const tenant = `tenant-${randomUUID().slice(0, 8)}`;
  await bench.keys.publish(snapshotOf(tenant));
  await bench.money.open(tenant);
  return tenant;
}

export const KEY_ID = "k1";

export function snapshotOf(tenant: string, version = 1, keyId: string = KEY_ID): KeySnapshot {
  return { keyId, hash: "hash", pepperVersion: 1, tenant, tier: "free", scopes: ["inference"], version };
}

/** So slow a refill that nothing comes back during a test: the whole limit once a day, one unit an hour at the most for small limits. */
export const SLOW_MS = 86_400_000;

export function levelOf(
  limits: LevelLimits,
  level: LevelCharge["level"] = "key",
  subject: string = KEY_ID,
): LevelCharge {
  return { level, subject, limits: { refillPeriodMs: SLOW_MS, ...limits } };
}

let counter = 0;
export function newId(): string {
  counter += 1;
  return `req_${String(counter).padStart(6, "0")}_${randomUUID().slice(0, 8)}`;
}

export interface RequestParts {
  readonly levels: readonly LevelCharge[];
  readonly reservation?: Reservation;
  readonly requestId?: string;
  readonly leaseMs?: number;
  readonly quarantineMs?: number;
  readonly keyVersion?: number;
  readonly cacheKey?: string;
  readonly breakers?: readonly string[];
  readonly loads?: readonly string[];
  readonly speeds?: readonly string[];
  readonly behind?: readonly string[];
}

export function requestOf(tenant: string, parts: RequestParts): AdmissionRequest {
  const requestId = parts.requestId ?? newId();
  const reservation = parts.reservation ?? { tokens: 10, costNanoUsd: 100 };
  return {
    requestId,
    tenant,
    keyId: KEY_ID,
    keyVersion: parts.keyVersion ?? 1,
    levels: parts.levels,
    reservation,
    leaseMs: parts.leaseMs ?? 60_000,
    quarantineMs: parts.quarantineMs ?? 60_000,
    abandoned: eventOf(tenant, requestId, { outcome: "abandoned", costNanoUsd: reservation.costNanoUsd }),
    ...(parts.cacheKey !== undefined && { cacheKey: parts.cacheKey }),
    breakers: parts.breakers ?? [],
    probeMs: 1_000,
    ...(parts.loads && { loads: parts.loads }),
    ...(parts.speeds && { speeds: parts.speeds }),
    ...(parts.behind && { behind: parts.behind }),
  };
}

/** What settles `request` with this truth. */
export function settlementOf(request: AdmissionRequest, actual: Reservation): Settlement {
  const { requestId, tenant, levels, reservation } = request;
  const event = eventOf(tenant, requestId, { outcome: "completed", costNanoUsd: actual.costNanoUsd });
  return { requestId, tenant, levels, reservation, actual, event, breakers: [] };
}

export function eventOf(tenant: string, requestId: string, parts: Partial<WideEvent>): WideEvent {
  return {
    v: 1,
    requestId,
    tenant,
    keyId: KEY_ID,
    tier: "free",
    operation: "chat",
    clientWire: "openai-chat",
    alias: "chat",
    stream: false,
    startedAt: 1,
    endedAt: 2,
    outcome: "completed",
    status: 200,
    cache: "miss",
    attempts: [],
    estimated: false,
    costNanoUsd: 0,
    reservedNanoUsd: 100,
    decisions: [],
    translations: [],
    configVersion: "c",
    overlayVersion: 0,
    traceId: "0",
    spanId: "0",
    ...parts,
  };
}

async function dump(command: Bench["command"], prefix: string): Promise<Readonly<Record<string, unknown>>> {
  const keys = (await command(["KEYS", `${prefix}*`])) as string[];
  const entries = await Promise.all(
    keys
      .toSorted((one, other) => (one < other ? -1 : 1))
      .map(async (key) => {
        const type = (await command(["TYPE", key])) as string;
        return [key, { type, content: await contentOf(command, key, type) }] as const;
      }),
  );
  return Object.fromEntries(entries);
}

function contentOf(command: Bench["command"], key: string, type: string): Promise<unknown> {
  switch (type) {
    case "hash":
      return command(["HGETALL", key]);
    case "zset":
      return command(["ZRANGE", key, "0", "-1", "WITHSCORES"]);
    default:
      return command(["GET", key]);
  }
}
