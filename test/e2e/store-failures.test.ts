/** Each store in each way of failing. Long because one stack serves all of it, in one file. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type CallerFormat, chatRequest, readFailure } from "../support/caller.ts";
import { startTestStack, type TestStack } from "../support/stack.ts";

const FULL = process.env.FULL === "1";
/** What a call to Redis may take under this configuration, connecting included, and what a busy machine adds. */
const REDIS_DEADLINE_MS = 2_000;
const SLACK_MS = 2_000;
const SNAPSHOT_MAX_AGE_MS = 5_000;
const REFUSED_FOR_MS = 6_000;
/** Redis rests for a second after three failures, and a probe that hangs lasts as long as its deadline. */
const RECOVERY_MS = 1_000 + REDIS_DEADLINE_MS;

let stack: TestStack;
/** A key without a budget at any level; the stack's own has one. */
let free = "";
beforeAll(async () => {
  stack = await startTestStack({ cron: false });
  free = await stack.mint({ tier: "unlimited" });
});
afterAll(() => stack?.stop());

/** Both stores as they were, and the gateway knows it. */
afterEach(async () => {
  await until(async () => {
    // Where nothing listens there is no control either.
    return stack.redisControl({ faults: [] }).then(
      () => true,
      () => false,
    );
  }, REFUSED_FOR_MS + SLACK_MS);
  await stack.postgresControl({});
  await until(isRedisBack, RECOVERY_MS + SLACK_MS);
});

/** Only Redis knows what is left of a limit. */
const isRedisBack = async () => (await ask(free)).headers.has("x-ratelimit-limit-requests");

interface Seen {
  readonly status: number;
  readonly ms: number;
  readonly headers: Headers;
  readonly body: string;
}

async function ask(key: string, format: CallerFormat = "openai-chat", model = "home", prompt = "hello"): Promise<Seen> {
  const { path, body } = chatRequest(format, model, prompt, false, { max_tokens: 4 });
  const startedAt = performance.now();
  const response = await stack.post(path, body, { authorization: `Bearer ${key}` });
  const text = await response.text();
  return { status: response.status, ms: performance.now() - startedAt, headers: response.headers, body: text };
}

/** A refusal for now: 503 in the caller's format, with when to come back. */
function expectClosed(format: CallerFormat, { status, headers, body }: Seen): void {
  expect(status, body).toBe(503);
  readFailure(format, body);
  expect(Number(headers.get("retry-after"))).toBeGreaterThan(0);
  // A wait of more than a minute is one that OpenAI's SDKs would not keep: there they are told not to try.
  if (Number(headers.get("retry-after")) <= 60) expect(headers.get("x-should-retry")).not.toBe("false");
}

/** A key as it should be, of nobody. */
function strangersKey(): string {
  const letters = (alphabet: string, length: number) =>
    Array.from({ length }, () => alphabet.charAt(Math.floor(Math.random() * alphabet.length))).join("");
  return `gw_${letters("abcdefghijklmnopqrstuvwxyz234567", 16)}_${letters("0123456789ABCDEFabcdef", 43)}`;
}

async function until(what: () => Promise<boolean>, withinMs: number): Promise<number> {
  const startedAt = performance.now();
  while (!(await what())) {
    if (performance.now() - startedAt > withinMs) throw new Error(`not within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return performance.now() - startedAt;
}

const requestId = ({ headers }: Seen) => headers.get("x-request-id") ?? "";
const slowest = (seen: readonly Seen[]) => Math.max(...seen.map(({ ms }) => ms));
const median = (seen: readonly Seen[]) => seen.map(({ ms }) => ms).toSorted((a, b) => a - b)[seen.length >> 1] ?? 0;

const redisModes: Readonly<Record<string, { readonly order: unknown; readonly endsByItself?: boolean }>> = {
  refused: { order: { refuseMs: REFUSED_FOR_MS }, endsByItself: true },
  "never answering": { order: { faults: [{ fault: "hang" }] } },
  "slower than the deadline": { order: { faults: [{ fault: "delay", delayMs: 6_000 }] } },
  "failing (500)": { order: { faults: [{ fault: "status" }] } },
};

describe.each(Object.entries(redisModes))("Redis %s", (mode, { order, endsByItself = false }) => {
  // planted: `withoutRedis` without its look at budgets; the Link without its deadline.
  test("keys without a budget run on smaller limits, budgets are closed, caches miss, and all of it is quick", async () => {
    const [rich, twenty, newcomer] = await Promise.all(
      ["budgeted", "twenty-requests", "unlimited"].map((tier) => stack.mint({ tier })),
    );
    if (rich === undefined || twenty === undefined || newcomer === undefined) throw new Error("no keys");
    const prompt = `kept for ${mode}`;
    const isHit = async () =>
      (await ask(free, "openai-chat", "cached", prompt)).headers.get("x-gateway-cache") === "HIT";
    await until(isHit, SLACK_MS);
    for (const key of [rich, twenty]) expect((await ask(key)).status).toBe(200);

    const awayAt = performance.now();
    await stack.redisControl(order);
    const seen: Seen[] = [];
    for (let turn = 0; turn < 20; turn++) seen.push(await ask(free));
    expect(seen.map(({ status }) => status)).toEqual(seen.map(() => 200));
    expect(slowest(seen)).toBeLessThan(REDIS_DEADLINE_MS + SLACK_MS);
    expect(median(seen)).toBeLessThan(REDIS_DEADLINE_MS / 2);

    const missed = await ask(free, "openai-chat", "cached", prompt);
    expect([missed.status, missed.headers.get("x-gateway-cache")]).toEqual([200, "MISS"]);
    expectClosed("openai-chat", await ask(rich));
    expectClosed("anthropic-messages", await ask(rich, "anthropic-messages"));

    // A quarter of twenty, for that is this isolate's share.
    const shared: Seen[] = [];
    for (let turn = 0; turn < 7; turn++) shared.push(await ask(twenty));
    expect(shared.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 429, 429]);
    expect(Number(shared[6]?.headers.get("retry-after"))).toBeGreaterThan(0);
    readFailure("openai-chat", shared[6]?.body ?? "");

    // Postgres knows who exists, so strangers are told apart from those who have not been here yet.
    expect((await ask(newcomer)).status).toBe(200);
    expect((await ask(strangersKey())).status).toBe(401);

    if (endsByItself) await new Promise((resolve) => setTimeout(resolve, awayAt + REFUSED_FOR_MS - performance.now()));
    else await stack.redisControl({ faults: [] });
    const recoveredMs = await until(async () => (await ask(rich)).status === 200, RECOVERY_MS + SLACK_MS);
    expect(await isHit()).toBe(true);
    console.log(
      `Redis ${mode}: slowest of 20 ${slowest(seen).toFixed(0)} ms, median ${median(seen).toFixed(0)} ms, back ${recoveredMs.toFixed(0)} ms after it`,
    );
    // What ran without Redis has its row all the same, once.
    const { request, charges } = await stack.stored(requestId(seen[10] ?? missed));
    expect([request.outcome, charges.length]).toEqual(["completed", 1]);
  });
});

// planted: a deadline of 100 ms, whatever the configuration says.
test("a Redis that is slow within its deadline decides as ever", async () => {
  const twenty = await stack.mint({ tier: "twenty-requests" });
  const rich = await stack.mint({ tier: "budgeted" });
  await stack.redisControl({ faults: [{ fault: "delay", delayMs: 200 }] });
  try {
    const seen = await Promise.all(Array.from({ length: 24 }, () => ask(twenty)));
    expect(seen.filter(({ status }) => status === 200).length).toBe(20);
    expect((await ask(rich)).status).toBe(200);
  } finally {
    await stack.redisControl({ faults: [] });
  }
});

// planted: `#isCurrent` without its look at the last trouble (this is how it was found).
test("a key that is revoked while Redis is away stays out when Redis is back", async () => {
  const key = await stack.mint({ tier: "unlimited" });
  expect((await ask(key)).status).toBe(200);
  const id = key.slice("gw_".length, "gw_".length + 16);
  await stack.redisControl({ faults: [{ fault: "reset" }] });
  const revoked = await stack.admin("DELETE", `/keys/${id}`);
  expect([revoked.status, await revoked.json()]).toEqual([202, expect.objectContaining({ pending: ["redis"] })]);
  const outMs = await until(async () => (await ask(key)).status === 401, SNAPSHOT_MAX_AGE_MS + SLACK_MS);
  await stack.redisControl({ faults: [] });
  await until(isRedisBack, RECOVERY_MS + SLACK_MS);
  expect((await ask(key)).status).toBe(401);
  console.log(`revoked without Redis: out after ${outMs.toFixed(0)} ms`);
});

describe("both stores away", () => {
  // planted: `unavailable` was told as 401; snapshots had no age.
  test("known keys run until their snapshot is too old; unknown ones hear 503 and never 401", async () => {
    const newcomer = await stack.mint({ tier: "unlimited" });
    const known = await stack.mint({ tier: "unlimited" });
    expect((await ask(known)).status).toBe(200);
    const awayAt = performance.now();
    await stack.redisControl({ faults: [{ fault: "reset" }] });
    await stack.postgresControl({ refuse: true });
    expect((await ask(known)).status).toBe(200);
    for (const format of ["openai-chat", "anthropic-messages"] as const) {
      expectClosed(format, await ask(strangersKey(), format));
      expectClosed(format, await ask(newcomer, format));
    }
    const models = await fetch(`${stack.gateway}/v1/models`, { headers: { authorization: `Bearer ${newcomer}` } });
    expect([models.status, (await models.text()).includes("gateway_unavailable")]).toEqual([503, true]);
    const tooOld = await until(async () => (await ask(known)).status === 503, SNAPSHOT_MAX_AGE_MS + SLACK_MS);
    expect(performance.now() - awayAt).toBeGreaterThan(SNAPSHOT_MAX_AGE_MS - 1_500);
    console.log(`both away: a known key ran for ${tooOld.toFixed(0)} ms more`);
    expectClosed("anthropic-messages", await ask(known, "anthropic-messages"));
    expect((await fetch(`${stack.gateway}/healthz`)).status).toBe(200);
    const ready = await fetch(`${stack.gateway}/readyz`, {
      headers: { authorization: `Bearer ${stack.metricsToken}` },
    });
    expect(ready.status).toBe(503);
    const { dependencies } = (await ready.json()) as { dependencies: { name: string; healthy: boolean }[] };
    expect(dependencies.map(({ name, healthy }) => `${name} ${healthy}`)).toEqual(["redis false", "postgres false"]);
  });
});

const postgresModes: Readonly<Record<string, object>> = {
  refused: { refuse: true },
  "never answering": { hang: true },
  "slower than its deadline": { delayMs: 8_000 },
  "failing (500)": { status: 500 },
};

describe("Postgres", () => {
  const callsOfApp = async () => {
    const state = (await (await fetch(new URL("/__control", stack.postgres?.url))).json()) as {
      counters: { calls: Record<string, number> };
    };
    return (state.counters.calls.app ?? 0) + (state.counters.calls.admin ?? 0);
  };

  // planted: `unavailable` was told as 401; every look-up went to Postgres.
  test.each(Object.entries(postgresModes))(
    "%s: plain chat does not notice, admin is 503, rows come later",
    async (mode, order) => {
      const rich = await stack.mint({ tier: "budgeted" });
      expect((await ask(rich)).status).toBe(200);
      const newcomer = await stack.mint({ tier: "unlimited" });
      await stack.postgresControl(order);
      const before = await callsOfApp();
      const seen: Seen[] = [];
      for (let turn = 0; turn < 10; turn++) seen.push(await ask(turn % 2 ? rich : free));
      expect(seen.map(({ status }) => status)).toEqual(seen.map(() => 200));
      expect(slowest(seen)).toBeLessThan(SLACK_MS);
      expect(await callsOfApp()).toBe(before);
      const [admin, minting, stranger, unseen] = await Promise.all([
        stack.admin("GET", "/keys"),
        stack.admin("POST", "/keys", { tenant: "local", name: "late" }),
        ask(strangersKey()),
        ask(newcomer, "anthropic-messages"),
      ]);
      for (const response of [admin, minting]) {
        expect([response.status, (await response.json()) as unknown]).toEqual([
          503,
          expect.objectContaining({ error: expect.anything() }),
        ]);
      }
      expectClosed("openai-chat", stranger);
      expectClosed("anthropic-messages", unseen);
      await stack.postgresControl({});
      // The queue comes again by itself; the sweep would too.
      const rows = await Promise.all(seen.map((one) => stack.stored(requestId(one), 30_000)));
      expect(rows.map(({ request, charges }) => [request.outcome, charges.length])).toEqual(
        seen.map(() => ["completed", 1]),
      );
      expect((await ask(newcomer)).status).toBe(200);
      console.log(`Postgres ${mode}: slowest of 10 chats ${slowest(seen).toFixed(0)} ms`);
    },
  );

  // planted: Postgres had a deadline of half a second.
  test("asleep: who needs it waits until it is awake, and nobody else", async () => {
    const newcomer = await stack.mint({ tier: "unlimited" });
    await stack.postgresControl({ asleepMs: 1_500 });
    const [admin, first, plain] = await Promise.all([stack.admin("GET", "/keys"), ask(newcomer), ask(free)]);
    expect([admin.status, first.status, plain.status]).toEqual([200, 200, 200]);
    expect(first.ms).toBeGreaterThan(1_000);
    expect(plain.ms).toBeLessThan(1_000);
  });

  // planted: a database that did not answer was taken for one that refused the rows.
  test("a reply that is lost after the commit makes no second row", async () => {
    const tenant = `lost-${Date.now()}`;
    expect((await stack.admin("POST", "/tenants", { tenant })).status).toBe(201);
    const key = await stack.mint({ tenant, tier: "unlimited" });
    expect((await ask(key)).status).toBe(200);
    await stack.postgresControl({ dropReply: true, role: "ledger" });
    const seen = [await ask(key), await ask(key), await ask(key)];
    // Each writer commits and never hears of it: the queue's consumer, and the sweep behind it.
    await Promise.all(seen.map((one) => stack.stored(requestId(one), 30_000)));
    await stack.runCron();
    await stack.postgresControl({});
    await stack.runCron();
    const rows = await Promise.all(seen.map((one) => stack.stored(requestId(one), 30_000)));
    expect(rows.map(({ charges }) => charges.length)).toEqual([1, 1, 1]);
    const usage = async () =>
      ((await (await stack.admin("GET", `/usage?tenant=${tenant}`)).json()) as { data: { requests: number }[] }).data;
    await until(async () => (await usage())[0]?.requests === 4, 15_000);
    await stack.runCron();
    expect((await usage()).map(({ requests }) => requests)).toEqual([4]);
    const dead = (await (await stack.admin("GET", `/ledger/dead?tenant=${tenant}`)).json()) as { data: unknown[] };
    expect(dead.data).toEqual([]);
  });
});

describe("a flushed Redis", () => {
  // planted: a missing sentinel was read as nothing spent.
  test("keys are read again at once; budgets stay closed until they are rebuilt", async () => {
    const rich = await stack.mint({ tier: "budgeted" });
    expect((await ask(rich)).status).toBe(200);
    const prompt = "kept until the flush";
    const isHit = async () =>
      (await ask(free, "openai-chat", "cached", prompt)).headers.get("x-gateway-cache") === "HIT";
    await until(isHit, SLACK_MS);
    await stack.redisControl({ flush: true });
    const flushedAt = performance.now();
    const first = await ask(free, "openai-chat", "cached", prompt);
    expect([first.status, first.headers.get("x-gateway-cache")]).toEqual([200, "MISS"]);
    expectClosed("openai-chat", await ask(rich));
    expectClosed("anthropic-messages", await ask(rich, "anthropic-messages"));
    expect((await ask(strangersKey())).status).toBe(401);
    expect((await stack.stored(requestId(first))).request.outcome).toBe("completed");
    if (!FULL) return;
    // The quarantine: the longest answer and a minute.
    await until(async () => (await ask(rich)).status === 200, 240_000);
    console.log(`flushed: budgets open again after ${((performance.now() - flushedAt) / 1_000).toFixed(0)} s`);
  });
});
