import { Ratelimit } from "@upstash/ratelimit";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { RedisEndpoint } from "../../../dev/redis/main.ts";
import { clientOf, forms, startForm } from "./forms.ts";

const DATABASE = 3;

describe.each(forms)("@upstash/ratelimit on %s", (form) => {
  let endpoint: RedisEndpoint;

  beforeAll(async () => {
    endpoint = await startForm(form, DATABASE);
  });
  beforeEach(() => endpoint.control({ flush: true, scriptFlush: true, resetCounters: true }));
  afterAll(() => endpoint.close());

  const limiters = {
    fixedWindow: Ratelimit.fixedWindow(5, "1 h"),
    slidingWindow: Ratelimit.slidingWindow(5, "1 h"),
    tokenBucket: Ratelimit.tokenBucket(1, "1 h", 5),
  };

  // planted: INCRBY returns the old value
  test.each(Object.entries(limiters))("%s lets exactly five of twenty parallel calls pass", async (_name, limiter) => {
    const ratelimit = new Ratelimit({ redis: clientOf(endpoint), limiter, ephemeralCache: false, prefix: "limit" });
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => ratelimit.limit("caller")));
    expect(outcomes.filter((outcome) => outcome.success)).toHaveLength(5);
    expect((await ratelimit.limit("somebody else")).success).toBe(true);
    const { remaining } = await ratelimit.getRemaining("caller");
    expect(remaining).toBe(0);
  });

  test.each(Object.entries(limiters))("%s gives back what a negative rate refunds", async (_name, limiter) => {
    const ratelimit = new Ratelimit({ redis: clientOf(endpoint), limiter, ephemeralCache: false });
    await ratelimit.limit("caller", { rate: 3 });
    await ratelimit.limit("caller", { rate: -2 });
    expect((await ratelimit.getRemaining("caller")).remaining).toBe(4);
  });

  test("its scripts are loaded once and then called by SHA", async () => {
    const ratelimit = new Ratelimit({
      redis: clientOf(endpoint),
      limiter: limiters.fixedWindow,
      ephemeralCache: false,
    });
    for (let call = 0; call < 4; call += 1) await ratelimit.limit("caller");
    expect(endpoint.counters().commands).toEqual({ EVALSHA: 4, EVAL: 1 });
  });

  test("its reset, which scans without declaring keys, empties the counters", async () => {
    const ratelimit = new Ratelimit({
      redis: clientOf(endpoint),
      limiter: limiters.tokenBucket,
      ephemeralCache: false,
    });
    for (let call = 0; call < 5; call += 1) await ratelimit.limit("caller");
    expect((await ratelimit.limit("caller")).success).toBe(false);
    await ratelimit.resetUsedTokens("caller");
    expect((await ratelimit.limit("caller")).success).toBe(true);
  });

  test("a dynamic limit overrides the configured one", async () => {
    const ratelimit = new Ratelimit({
      redis: clientOf(endpoint),
      limiter: limiters.fixedWindow,
      ephemeralCache: false,
      dynamicLimits: true,
    });
    await ratelimit.setDynamicLimit({ limit: 2 });
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => ratelimit.limit("caller")));
    expect(outcomes.filter((outcome) => outcome.success)).toHaveLength(2);
  });
});
