import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Books, drained, quiet, readBooks } from "../support/books.ts";
import { credentialsOf, expectNone, expectNothingKept, providerCanaries, wordCanaries } from "../support/canaries.ts";
import { startTestStack, type TestStack } from "../support/stack.ts";
import { type Storm, storm } from "../support/storm.ts";
import { auditAttempts, auditOutcomes, auditPresence } from "../support/storm-audit.ts";
import { auditCounters, auditLimits, stormNumbers } from "../support/storm-totals.ts";

const STORM_CONFIG = new URL("../fixtures/config/storm.yaml", import.meta.url).pathname;
const FULL = process.env.FULL === "1";
const REQUESTS = Number(process.env.STORM_REQUESTS ?? (FULL ? 3_000 : 300));
const KILLS = Number(process.env.STORM_KILLS ?? (FULL ? 20 : 4));
const SEED = Number(process.env.STORM_SEED ?? 20_261_121);

describe(`${REQUESTS} mixed requests, ${KILLS} kills (seed ${SEED})`, () => {
  let stack: TestStack;
  let happened: Storm;
  let books: Books;
  let keys: readonly string[];
  const provider = providerCanaries();
  const { prompt, endUser } = wordCanaries();

  beforeAll(async () => {
    stack = await startTestStack({
      configFile: STORM_CONFIG,
      gateways: 2,
      cron: false,
      key: { tier: "storm" },
      gatewayEnv: { ...provider, LOG_REQUESTS: "all" },
      backendFlags: ["--ttft-ms", "5", "--tokens-per-second", "1000", "--max-num-seqs", "64"],
    });
    keys = [await stack.mint({ user: "ann", tier: "storm" }), await stack.mint({ user: "ben", tier: "storm" })];
    happened = await storm(stack, { requests: REQUESTS, kills: KILLS, seed: SEED, keys, words: { prompt, endUser } });
    await drained(stack, "local");
    await quiet(stack);
    books = await readBooks(stack, "local");
    console.log(JSON.stringify(stormNumbers(happened, books), undefined, 2));
  }, 900_000);
  afterAll(() => stack?.stop());

  // planted: the killer waits until nobody asks any more
  test("the storm was one: kills struck, clients left, answers came from backends, fallbacks and the cache", () => {
    const numbers = stormNumbers(happened, books);
    expect(happened.kills.length).toBe(KILLS);
    // On a slow machine the last one may come when all have been answered.
    expect(numbers.killsWhileRequestsRan).toBeGreaterThanOrEqual(Math.floor(KILLS * 0.75));
    for (const outcome of ["completed", "failed", "cancelled"]) expect(numbers.outcomes[outcome]).toBeGreaterThan(0);
    expect(numbers.caches.hit).toBeGreaterThan(0);
    expect(numbers.attempts["2"]).toBeGreaterThan(0);
  });

  // planted: the ledger acknowledges a batch whose first event it does not write
  test("every request that was admitted has one row, and nothing has two", () => {
    expect(auditPresence(happened, books)).toEqual([]);
  });

  // planted: the settlement takes a cut for an end
  test("what a row says of the end is what the client saw", () => {
    expect(auditOutcomes(happened, books)).toEqual([]);
  });

  // planted: cost rounded down
  test("attempts, usage and cost are what the backends tallied", () => {
    expect(auditAttempts(books, stack.config)).toEqual([]);
  });

  // planted: the sweep leaves what was reserved; a settlement leaves its lease
  test("limits and budgets net to the rows at every level", () => {
    expect(auditLimits(books, stack.config, happened.tookMs + 60_000)).toEqual([]);
  });

  // planted: an acknowledgement that is repeated counts again
  test("the counters are the rows, each once", () => {
    expect(auditCounters(books)).toEqual([]);
  });

  // planted: a failed settlement logs the body; the event holds the end user's name
  test("no credential, prompt or end user is told, logged, counted or kept", async () => {
    const credentials = credentialsOf(stack, provider, Object.fromEntries(keys.map((key, at) => [`${at}`, key])));
    for (const { headers, text, status = 0 } of happened.results) {
      expectNone("a reply", headers + text, credentials);
      // What is a failure quotes nothing of the request.
      expectNone("a refusal", headers + (status < 400 ? "" : text), { prompt, endUser });
    }
    const searched = await expectNothingKept(stack, { credentials, words: { prompt, endUser } });
    expect(searched.logLines).toBeGreaterThan(REQUESTS / 4);
    expect(searched.rows).toBeGreaterThan(REQUESTS);
    console.log(`searched: ${happened.results.length} replies, ${JSON.stringify(searched)}`);
  });
});
