import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { UsageGrouping } from "../../../../src/core/admin.ts";
import { NeonLedger } from "../../../../src/stores/neon/ledger.ts";
import { NeonRequests } from "../../../../src/stores/neon/requests.ts";
import { NeonSpend } from "../../../../src/stores/neon/spend.ts";
import { NeonUsage } from "../../../../src/stores/neon/usage.ts";
import { startDatabase, type TestDatabase } from "../../../support/database.ts";
import { abandonedOf, attempt, NOON, settledEvent } from "../../../support/events.ts";

const DAY_MS = 86_400_000;
const YESTERDAY = NOON - DAY_MS;
const LAST_MONTH = NOON - 30 * DAY_MS;

type Place = Parameters<NeonSpend["spent"]>[1][number];

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

describe("what was spent of a budget", () => {
  const spent = (...of: readonly Place[]) => new NeonSpend(database.as("app")).spent("acme", of);
  const place = (level: Place["level"], subject: string, period: string): Place => ({ level, subject, period });
  const PERIODS = ["2026-11-21", "2026-11", "total"];
  const all = (level: Place["level"], subject: string) => spent(...PERIODS.map((name) => place(level, subject, name)));

  // planted: abandoned requests were not counted; the month was cut from the wrong zone's date
  it("is one sum for each level, subject and period, in the order asked for", async () => {
    expect(await all("tenant", "acme")).toEqual([14_000, 15_400, 16_800]);
    expect(await all("key", "abcdefgh234567ab")).toEqual([14_000, 14_000, 15_400]);
    expect(await all("key", "otherkey234567ab")).toEqual([0, 1_400, 1_400]);
    expect(await all("user", "ada")).toEqual([5_000, 5_000, 5_000]);
    expect(await all("user", "bob")).toEqual([9_000, 9_000, 9_000]);
    expect(await all("model", "code")).toEqual([0, 1_400, 1_400]);
    expect(await spent(place("model", "code", "total"), place("user", "ada", "2026-11"))).toEqual([1_400, 5_000]);
    expect(await spent(place("tenant", "acme", "2026-10"))).toEqual([1_400]);
    expect(await spent()).toEqual([]);
  });

  it("is nobody else's, and unknown while the database is away", async () => {
    expect(await all("tenant", "globex")).toEqual([0, 0, 0]);
    await database.endpoint.control({ status: 500 });
    expect(await all("tenant", "acme")).toBe(undefined);
    await database.endpoint.control({});
  });

  // planted: the truth added to what the abandoned row had counted
  it("follows the rows: an abandoned one's cost is replaced by the truth, and a repeated event changes nothing", async () => {
    const ledger = new NeonLedger(database.as("ledger"));
    const truth = settledEvent({ user: "eve", startedAt: Date.UTC(2031, 0, 31, 23, 59, 59, 999) });
    const other = settledEvent({ user: "eve", startedAt: Date.UTC(2031, 1, 1) });
    const sums = () =>
      spent(...["2031-01-31", "2031-01", "2031-02-01", "total"].map((name) => place("user", "eve", name)));
    await ledger.write([abandonedOf(truth)]);
    expect(await sums()).toEqual([9_000, 9_000, 0, 9_000]);
    await ledger.write([truth, other]);
    expect(await sums()).toEqual([1_400, 1_400, 1_400, 2_800]);
    await ledger.write([abandonedOf(truth), other]);
    await ledger.write([truth]);
    expect(await sums()).toEqual([1_400, 1_400, 1_400, 2_800]);
  });

  // planted: the triggers' sums taken from a read of the table in place of its changed rows
  it("is exact after writers at once that overlap", async () => {
    const events = Array.from({ length: 40 }, () => settledEvent({ user: "pat" }));
    await Promise.all(
      [0, 1, 2, 3, 4, 5].map(async (writer) => {
        const part = events.filter((_, index) => index % 6 !== writer);
        const written = writer % 2 === 0 ? part : part.map(abandonedOf);
        expect((await new NeonLedger(database.as("ledger")).write(written)).kind).toBe("ok");
      }),
    );
    expect(await spent(place("user", "pat", "total"))).toEqual([40 * 1_400]);
  });
});
