import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { forms } from "../contract/redis/forms.ts";
import { drained, type RedisValue, sql } from "../support/books.ts";
import {
  burst,
  chat,
  costOf,
  flush,
  freshTenant,
  type Size,
  SLOW_PROMPT,
  settledState,
  sizeOfChat,
  tokensOf,
} from "../support/limits.ts";
import { startTestStack, type TestStack } from "../support/stack.ts";

const LIMITS_CONFIG = new URL("../fixtures/config/limits.yaml", import.meta.url).pathname;
const FULL = process.env.FULL === "1";
const ROUNDS = FULL ? 20 : 4;
const PARALLEL = 200;
/** Clients that go on through the flush. */
const WORKERS = 40;

describe.each(forms)(
  `two gateways on the %s form of Redis, ${ROUNDS} rounds of ${PARALLEL} requests at once`,
  (form) => {
    let stack: TestStack;
    let size: Size;

    beforeAll(async () => {
      stack = await startTestStack({
        configFile: LIMITS_CONFIG,
        gateways: 2,
        redis: form === "embedded" ? form : "server",
        cron: false,
        backendFlags: ["--ttft-ms", "2", "--tokens-per-second", "2000", "--max-num-seqs", "64"],
      });
      size = await sizeOfChat(stack);
    });
    afterAll(() => stack?.stop());

    async function rounds(round: (tenant: string, place: number) => Promise<void>): Promise<void> {
      for (let place = 0; place < ROUNDS; place++) await round(await freshTenant(stack), place);
    }

    // planted: admission grants one request more than the bucket holds
    test("a limit of 20 requests lets exactly 20 pass", async () => {
      await rounds(async (tenant) => {
        const key = await stack.mint({ tenant, tier: "twenty-requests" });
        const { passed, refused, strange } = await burst(stack, key, PARALLEL);
        expect({ passed: passed.length, refused, strange }).toEqual({
          passed: 20,
          refused: PARALLEL - 20,
          strange: [],
        });
        expect(debts(await settledState(stack, tenant), "b:key:").requests).toEqual([20]);
      });
    });

    // planted: settlement refunds no tokens
    test("with one call's tokens left exactly one passes, and the bucket then holds what was used", async () => {
      await rounds(async (tenant) => {
        const tokensPerMinute = size.tokens + size.reservedTokens;
        const limits = { key: { tokensPerMinute, refillPeriodMs: tokensPerMinute * 3_600_000 } };
        const key = await stack.mint({ tenant, tier: "unlimited", limits });
        const first = await burst(stack, key, 1);
        expect(debts(await settledState(stack, tenant), "b:key:").tokens).toEqual([size.tokens]);
        const { passed, refused, strange } = await burst(stack, key, PARALLEL);
        expect({ passed: passed.length, refused, strange }).toEqual({ passed: 1, refused: PARALLEL - 1, strange: [] });
        const truth = await tokensOf(stack, [...first.passed, ...passed]);
        expect(debts(await settledState(stack, tenant), "b:key:").tokens).toEqual([truth]);
      });
    });

    // planted: a level of which Redis has no sum counted as nothing spent
    test("a budget that a tier is given later begins with what was spent before", async () => {
      const tenant = await freshTenant(stack);
      const key = await stack.mint({ tenant, tier: "budget-later" });
      const bystander = await stack.mint({ tenant, tier: "unlimited" });
      expect((await burst(stack, key, 4)).passed.length).toBe(4);
      await drained(stack, tenant);
      const budget = { limitNanoUsd: 4 * size.nanoUsd + size.reservedNanoUsd, period: "month" };
      const overlay = { version: 1, tiers: { "budget-later": { key: { budget } } } };
      expect((await stack.admin("PUT", "/overlay", overlay)).status).toBe(200);
      // Both gateways hear of it with an admission and read it in the background.
      await burst(stack, bystander, 8);
      await pause(2_000);
      const { passed, refused, strange } = await burst(stack, key, 50);
      expect({ passed: passed.length, refused, strange }).toEqual({ passed: 1, refused: 49, strange: [] });
    });

    // planted: admission leaves what is reserved out of the sum that it compares with the budget
    test("with one call's budget left exactly one passes, and nothing stays reserved", async () => {
      await rounds(async (tenant) => {
        const budget = { limitNanoUsd: size.nanoUsd + size.reservedNanoUsd, period: "total" };
        const key = await stack.mint({ tenant, tier: "unlimited", limits: { key: { budget } } });
        const first = await burst(stack, key, 1);
        expect(money(await settledState(stack, tenant), "m:key:")).toEqual([{ spent: size.nanoUsd, reserved: 0 }]);
        const { passed, refused, strange } = await burst(stack, key, PARALLEL);
        expect({ passed: passed.length, refused, strange }).toEqual({ passed: 1, refused: PARALLEL - 1, strange: [] });
        const spent = await costOf(stack, [...first.passed, ...passed]);
        expect(money(await settledState(stack, tenant), "m:key:")).toEqual([{ spent, reserved: 0 }]);
      });
    });

    // planted: admission grants one lease too many
    test("with two at once the backend never sees a third", async () => {
      await rounds(async (tenant) => {
        const key = await stack.mint({ tenant, tier: "two-at-once" });
        const { passed, refused, strange } = await burst(stack, key, PARALLEL);
        expect({ sum: passed.length + refused, strange }).toEqual({ sum: PARALLEL, strange: [] });
        expect(passed.length).toBeGreaterThanOrEqual(2);
        expect(await mostAtOnce(stack, passed)).toBeLessThanOrEqual(2);
        expect([...(await settledState(stack, tenant)).keys()].filter((name) => name.startsWith("l:"))).toEqual([]);
      });
    });

    // planted: admission writes each level before it has checked the next
    test("where one level of four refuses, the others hold what passed and no more; all reservations net to zero", async () => {
      await rounds(async (tenant, place) => {
        const tightest = (["tenant", "model", "user", "key"] as const)[place % 4] ?? "key";
        const isMoney = Math.floor(place / 4) % 2 === 1;
        const allowed = isMoney ? 1 : 5;
        const tight = isMoney
          ? { budget: { limitNanoUsd: size.reservedNanoUsd, period: "total" } }
          : { requestsPerMinute: 5, tokensPerMinute: 1_000, refillPeriodMs: 18_000_000 };
        const key = await stack.mint({ tenant, user: "ann", tier: "roomy", limits: { [tightest]: tight } });
        const { passed, refused, strange } = await burst(stack, key, PARALLEL);
        expect({ passed: passed.length, refused, strange }).toEqual({
          passed: allowed,
          refused: PARALLEL - allowed,
          strange: [],
        });
        const state = await settledState(stack, tenant);
        const tokens = await tokensOf(stack, passed);
        const spent = await costOf(stack, passed);
        expect(debts(state, "b:")).toEqual({ requests: Array(4).fill(allowed), tokens: Array(4).fill(tokens) });
        expect(money(state, "m:")).toEqual(Array(4).fill({ spent, reserved: 0 }));
        expect([...state.keys()].filter((name) => name.startsWith("l:"))).toEqual([]);
      });
    });

    // planted: money opens after a flush with nothing spent
    test("a flush of Redis in mid-stream lets no money be overspent, and budgets come back", async () => {
      const tenant = await freshTenant(stack);
      const slow = await sizeOfChat(stack, SLOW_PROMPT);
      const calls = FULL ? 400 : 200;
      const limitNanoUsd = calls * slow.nanoUsd + slow.reservedNanoUsd;
      const limits = { key: { budget: { limitNanoUsd, period: "total" } } };
      const key = await stack.mint({ tenant, tier: "unlimited", limits });
      const sums = { passed: 0, passedAfter: 0, closed: 0, spent: 0, strange: [] as string[] };
      let flushedAt = 0;
      const endsAt = Date.now() + 60_000;
      const worker = async (place: number): Promise<void> => {
        // To the end of the budget after the flush: refused for good.
        while (Date.now() < endsAt) {
          const response = await chat(stack, place, key, SLOW_PROMPT);
          const text = await response.text();
          if (response.status === 200) {
            sums.passed++;
            if (flushedAt > 0 && Date.now() > flushedAt + 6_000) sums.passedAfter++;
          } else if (response.status === 503) {
            sums.closed++;
            await pause(100);
          } else if (response.status === 429) {
            sums.spent++;
            if (sums.passedAfter > 0) return;
          } else sums.strange.push(`${response.status} ${text}`);
        }
      };
      const ledger = async (): Promise<void> => {
        while (working) {
          await stack.runCron();
          await pause(300);
        }
      };
      let working = true;
      const cron = ledger();
      const workers = Promise.all(Array.from({ length: WORKERS }, (_, place) => worker(place)));
      while (sums.passed < calls / 3) await pause(5);
      await flush(stack);
      flushedAt = Date.now();
      await workers;
      working = false;
      await cron;
      await drained(stack, tenant);
      const rows = await sql(
        stack,
        "select id, outcome, cost_nano_usd from requests where tenant_id = $1 and outcome <> 'refused'",
        tenant,
      );
      const booked = rows.reduce((sum, row) => sum + Number(row.cost_nano_usd), 0);
      const truth = await costOf(
        stack,
        rows.map((row) => row.id ?? ""),
      );
      console.log(
        `${form}: ${JSON.stringify({ ...sums, rows: rows.length, limitNanoUsd, truth, booked, flushedAfter: calls / 3 })}`,
      );
      expect(sums.strange).toEqual([]);
      expect(sums.closed).toBeGreaterThan(0);
      expect(sums.passedAfter).toBeGreaterThan(0);
      expect(rows.length).toBe(sums.passed);
      expect(booked).toBe(truth);
      expect(truth).toBeLessThanOrEqual(limitNanoUsd);
      // What is left does not pay for another call: the budget came back whole, not a part of it.
      expect(limitNanoUsd - truth).toBeLessThan(slow.reservedNanoUsd);
      expect(money(await settledState(stack, tenant), "m:key:")).toEqual([{ spent: truth, reserved: 0 }]);
    }, 120_000);
  },
);

/** What is missing in a tenant's buckets, in whole units: a round takes far less than the hour in which one would come back. */
function debts(state: ReadonlyMap<string, RedisValue>, prefix: string) {
  const buckets = [...state].filter(([name]) => name.startsWith(prefix)).map(([, bucket]) => bucket);
  const units = (field: "r" | "t") =>
    buckets.flatMap((bucket) =>
      bucket[field] === undefined ? [] : [Math.ceil(Number(bucket[field]) / Number(bucket.p))],
    );
  return { requests: units("r"), tokens: units("t") };
}

function money(state: ReadonlyMap<string, RedisValue>, prefix: string) {
  return [...state]
    .filter(([name]) => name.startsWith(prefix))
    .map(([, held]) => ({ spent: Number(held["s:total"] ?? 0), reserved: Number(held["r:total"] ?? 0) }));
}

/** The most calls that the backend had under way at one moment. */
async function mostAtOnce(stack: TestStack, ids: readonly string[]): Promise<number> {
  const calls = (await Promise.all(ids.map((id) => stack.tally(id)))).flat() as unknown as {
    arrivedAtMs: number;
    finishedAtMs: number;
  }[];
  return Math.max(
    ...calls.map(
      ({ arrivedAtMs: at }) => calls.filter((call) => call.arrivedAtMs <= at && at < call.finishedAtMs).length,
    ),
  );
}
