import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { UsageGrouping } from "../../../../src/core/admin.ts";
import { NeonBudgetRebuilder, type Spent } from "../../../../src/stores/neon/budgets.ts";
import { NeonLedger } from "../../../../src/stores/neon/ledger.ts";
import { NeonRequests } from "../../../../src/stores/neon/requests.ts";
import { NeonUsage } from "../../../../src/stores/neon/usage.ts";
import { startDatabase, type TestDatabase } from "../../../support/database.ts";
import { abandonedOf, attempt, NOON, settledEvent } from "../../../support/events.ts";

const DAY_MS = 86_400_000;
const YESTERDAY = NOON - DAY_MS;
const LAST_MONTH = NOON - 30 * DAY_MS;

let database: TestDatabase;

const fallback = settledEvent({
  user: "ada",
  attempts: [
    attempt({
      outcome: "failed",
      failure: "backend_cut",
      usage: { inputTokens: 100 },
      estimated: true,
      costNanoUsd: 1_000,
    }),
    attempt({ ordinal: 1, backend: "openai", costNanoUsd: 4_000 }),
  ],
  usage: { inputTokens: 200, outputTokens: 40 },
  estimated: true,
});
const yesterday = settledEvent({
  keyId: "otherkey234567ab",
  alias: "code",
  startedAt: YESTERDAY,
  endedAt: YESTERDAY + 10,
});
const lastMonth = settledEvent({ startedAt: LAST_MONTH, endedAt: LAST_MONTH + 10 });
const abandoned = abandonedOf(settledEvent({ user: "bob" }));
const foreign = settledEvent({ tenant: "globex" });

beforeAll(async () => {
  database = await startDatabase();
  const written = await new NeonLedger(database.as("ledger")).write([
    fallback,
    yesterday,
    lastMonth,
    abandoned,
    foreign,
  ]);
  if (written.kind !== "ok") throw new Error(JSON.stringify(written));
});
afterAll(() => database.close());

describe("usage", () => {
  async function usage(by: UsageGrouping, from = YESTERDAY, to = NOON + 1) {
    const rows = await new NeonUsage(database.as("admin")).usage({ tenant: "acme", from, to, by });
    if (!rows.ok) throw new Error(rows.failure.message);
    return rows.value.map(({ group, requests, costNanoUsd }) => [group, requests, costNanoUsd]);
  }

  // planted: the tenant was left out of the condition
  it("sums a tenant's requests by UTC day, alias and key", async () => {
    expect(await usage("day")).toEqual([
      ["2026-11-20", 1, 1_400],
      ["2026-11-21", 2, 14_000],
    ]);
    expect(await usage("alias")).toEqual([
      ["chat", 2, 14_000],
      ["code", 1, 1_400],
    ]);
    expect(await usage("key")).toEqual([
      ["abcdefgh234567ab", 2, 14_000],
      ["otherkey234567ab", 1, 1_400],
    ]);
  });

  // planted: abandoned requests were left out, so that the groups did not add up to the day's cost
  it("gives each backend its own charges, and abandoned costs a group of their own", async () => {
    expect(await usage("backend")).toEqual([
      ["(abandoned)", 1, 9_000],
      ["openai", 1, 4_000],
      ["vllm", 2, 2_400],
    ]);
  });

  it("takes `from` in and leaves `to` out", async () => {
    expect(await usage("day", YESTERDAY, NOON)).toEqual([["2026-11-20", 1, 1_400]]);
    expect(await usage("day", YESTERDAY + 1, NOON)).toEqual([]);
  });

  it("counts tokens, and how much of it is estimated", async () => {
    const rows = await new NeonUsage(database.as("admin")).usage({
      tenant: "acme",
      from: NOON,
      to: NOON + 1,
      by: "alias",
    });
    expect(rows).toMatchObject({ value: [{ inputTokens: 200, outputTokens: 40, cachedInputTokens: 0, estimated: 2 }] });
  });
});

describe("a request", () => {
  it("is read with its charges in order and what each step decided", async () => {
    const found = await new NeonRequests(database.as("admin")).find(fallback.requestId);
    expect(found).toMatchObject({
      ok: true,
      value: {
        request: { tenantId: "acme", status: "settled", startedAt: new Date(NOON).toISOString(), costNanoUsd: 5_000 },
        charges: [
          { ordinal: 0, backend: "vllm", failure: "backend_cut", estimated: true },
          { ordinal: 1, backend: "openai" },
        ],
        decisions: fallback.decisions,
        translations: fallback.translations,
      },
    });
    expect(await new NeonRequests(database.as("admin")).find("req_none")).toMatchObject({
      failure: { type: "caller_not_found" },
    });
  });
});

describe("budgets rebuilt after Redis lost them", () => {
  async function opened(tenant: string, answer = "opened") {
    const calls: (readonly Spent[])[] = [];
    const money = {
      openMoney: (_tenant: string, spent: readonly Spent[]) => {
        calls.push(spent);
        return Promise.resolve(answer);
      },
    };
    const isOpen = await new NeonBudgetRebuilder(database.as("app"), money, { now: () => NOON + 60_000 }).rebuild(
      tenant,
    );
    return { isOpen, spent: calls.flat() };
  }
  const of = (spent: readonly Spent[], level: string, subject: string) =>
    Object.fromEntries(
      spent.filter((one) => one.level === level && one.subject === subject).map((one) => [one.period, one.nanoUsd]),
    );

  // planted: abandoned requests were not counted; the month began with the year
  it("name every level and subject of the tenant with what the running periods have cost", async () => {
    const { isOpen, spent } = await opened("acme");
    expect(isOpen).toBe(true);
    expect(of(spent, "tenant", "acme")).toEqual({ day: 14_000, month: 15_400, total: 16_800 });
    expect(of(spent, "key", "abcdefgh234567ab")).toEqual({ day: 14_000, month: 14_000, total: 15_400 });
    expect(of(spent, "key", "otherkey234567ab")).toEqual({ month: 1_400, total: 1_400 });
    expect(of(spent, "user", "ada")).toEqual({ day: 5_000, month: 5_000, total: 5_000 });
    expect(of(spent, "user", "bob")).toEqual({ day: 9_000, month: 9_000, total: 9_000 });
    expect(of(spent, "model", "code")).toEqual({ month: 1_400, total: 1_400 });
    expect(spent.filter((one) => one.subject === "globex")).toEqual([]);
  });

  it("open nothing while the database is away, and say so when Redis would not open", async () => {
    await database.endpoint.control({ status: 500 });
    expect(await opened("acme")).toEqual({ isOpen: false, spent: [] });
    await database.endpoint.control({});
    expect((await opened("acme", "undrained")).isOpen).toBe(false);
    expect((await opened("nobody")).isOpen).toBe(true);
  });
});
