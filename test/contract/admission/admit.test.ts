import { expect, test } from "vitest";
import {
  type Bench,
  levelOf,
  newId,
  newTenant,
  onBothForms,
  requestOf,
  SLOW_MS,
  settlementOf,
  snapshotOf,
} from "./support.ts";

const kinds = async (bench: Bench, requests: readonly Parameters<Bench["admission"]["admit"]>[0][]) => {
  const seen: string[] = [];
  for (const request of requests) seen.push((await bench.admission.admit(request)).kind);
  return seen;
};

onBothForms("admit", "admission", (bench) => {
  // planted: `repeated` always false in lua/admit.ts
  test("the same request id reserves once and is told the same again", async () => {
    const tenant = await newTenant(bench());
    const levels = [
      levelOf({
        requestsPerMinute: 5,
        tokensPerMinute: 100,
        concurrency: 1,
        budget: { limitNanoUsd: 150, period: "month" },
      }),
    ];
    const request = requestOf(tenant, { levels });
    const first = await bench().admission.admit(request);
    const before = await bench().dump(`t:{${tenant}}:`);
    const second = await bench().admission.admit(request);
    expect(first.kind).toBe("admitted");
    expect(second).toEqual({ ...first, ioMs: second.ioMs, ...(second.kind === "admitted" && { rate: second.rate }) });
    expect(second.kind === "admitted" && second.rate.requests?.remaining).toBe(4);
    expect(await bench().dump(`t:{${tenant}}:`)).toEqual(before);
  });

  const refusals = [
    { unit: "requests", tight: { requestsPerMinute: 1 }, retry: true },
    { unit: "tokens", tight: { tokensPerMinute: 10 }, retry: true },
    { unit: "concurrency", tight: { concurrency: 1 }, retry: true },
    { unit: "money", tight: { budget: { limitNanoUsd: 100, period: "day" } }, retry: true },
    { unit: "money", tight: { budget: { limitNanoUsd: 100, period: "total" } }, retry: false },
  ] as const;
  for (const { unit, tight, retry } of refusals) {
    const name = "budget" in tight ? `${unit} of a ${tight.budget.period}` : unit;
    // planted: the write pass of lua/admit.ts runs for a refused request too
    test(`where one level of four refuses for ${name}, the others keep every byte`, async () => {
      const tenant = await newTenant(bench());
      const wide = {
        requestsPerMinute: 50,
        tokensPerMinute: 5_000,
        concurrency: 9,
        budget: { limitNanoUsd: 9_000, period: "month" },
      } as const;
      const levels = [
        levelOf(wide),
        levelOf(wide, "user", "ann"),
        levelOf(tight, "model", "chat"),
        levelOf(wide, "tenant", tenant),
      ];
      expect((await bench().admission.admit(requestOf(tenant, { levels }))).kind).toBe("admitted");
      const before = await bench().dump(`t:{${tenant}}:`);
      const reply = await bench().admission.admit(requestOf(tenant, { levels }));
      expect(reply).toMatchObject({ kind: "refused", unit, level: "model" });
      expect(reply.kind === "refused" && reply.retryAfterMs !== undefined).toBe(retry);
      expect(await bench().dump(`t:{${tenant}}:`)).toEqual(before);
    });
  }

  // planted: `refuse` in lua/admit.ts keeps the first refusal instead of the longest
  test("of several refusals the one that lasts longest is told", async () => {
    const tenant = await newTenant(bench());
    const levels = [
      levelOf({ requestsPerMinute: 1, refillPeriodMs: 60_000 }),
      levelOf({ requestsPerMinute: 1, refillPeriodMs: SLOW_MS }, "tenant", tenant),
    ];
    await bench().admission.admit(requestOf(tenant, { levels }));
    const reply = await bench().admission.admit(requestOf(tenant, { levels }));
    expect(reply).toMatchObject({ kind: "refused", level: "tenant" });
    expect(reply.kind === "refused" && reply.retryAfterMs).toBeGreaterThan(60_000);
  });

  // planted: the comparison with capacity left out of `check_bucket`
  test("a request larger than the bucket is refused without a time to wait", async () => {
    const tenant = await newTenant(bench());
    const levels = [levelOf({ tokensPerMinute: 100 })];
    const reply = await bench().admission.admit(
      requestOf(tenant, { levels, reservation: { tokens: 101, costNanoUsd: 0 } }),
    );
    expect(reply).toMatchObject({ kind: "refused", unit: "tokens", level: "key" });
    expect(reply).not.toHaveProperty("retryAfterMs");
  });

  // planted: `tightest` takes the largest remaining
  test("the rate state is that of the tightest level of each unit", async () => {
    const tenant = await newTenant(bench());
    const levels = [
      levelOf({ requestsPerMinute: 20, tokensPerMinute: 1_000 }),
      levelOf({ requestsPerMinute: 30, tokensPerMinute: 500 }, "tenant", tenant),
    ];
    const before = Date.now();
    const reply = await bench().admission.admit(requestOf(tenant, { levels }));
    if (reply.kind !== "admitted") throw new Error(reply.kind);
    expect(reply.rate.requests).toMatchObject({ limit: 20, remaining: 19, resetMs: SLOW_MS / 20 });
    expect(reply.rate.tokens).toMatchObject({ limit: 500, remaining: 490, resetMs: (SLOW_MS * 10) / 500 });
    const resetAtMs = reply.rate.requests?.resetAtMs ?? 0;
    expect(Math.abs(resetAtMs - before - SLOW_MS / 20)).toBeLessThan(60_000);
  });

  // planted: `elapsed` is 0 in lua/prelude.ts
  test("a bucket refills evenly, and never above its capacity", async () => {
    const tenant = await newTenant(bench());
    const levels = [levelOf({ requestsPerMinute: 2, refillPeriodMs: 400 })];
    const three = () => [1, 2, 3].map(() => requestOf(tenant, { levels }));
    expect(await kinds(bench(), three())).toEqual(["admitted", "admitted", "refused"]);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(await kinds(bench(), three())).toEqual(["admitted", "admitted", "refused"]);
  });

  // planted: leases counted with ZCARD instead of ZCOUNT
  test("a lease that ran out does not count", async () => {
    const tenant = await newTenant(bench());
    const levels = [levelOf({ concurrency: 1 })];
    expect(await kinds(bench(), [requestOf(tenant, { levels, leaseMs: 150 }), requestOf(tenant, { levels })])).toEqual([
      "admitted",
      "refused",
    ]);
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect((await bench().admission.admit(requestOf(tenant, { levels }))).kind).toBe("admitted");
  });

  // planted: the key version is not compared
  test("a key whose version moved is stale, on every isolate, and reserves nothing", async () => {
    const tenant = await newTenant(bench());
    const levels = [levelOf({ requestsPerMinute: 5 })];
    expect(await bench().keys.announce({ tenant, keyId: "k1", version: 2 })).toBe(true);
    const before = await bench().dump(`t:{${tenant}}:`);
    expect((await bench().admission.admit(requestOf(tenant, { levels }))).kind).toBe("stale-key");
    expect(await bench().dump(`t:{${tenant}}:`)).toEqual(before);
    expect((await bench().admission.admit(requestOf(tenant, { levels, keyVersion: 2 }))).kind).toBe("admitted");
  });

  // planted: a missing version passes
  test("a key whose version Redis does not know is stale", async () => {
    const reply = await bench().admission.admit(
      requestOf(`unseen-${newId()}`, { levels: [levelOf({ requestsPerMinute: 5 })] }),
    );
    expect(reply.kind).toBe("stale-key");
  });

  // planted: `cached` read from the first value of the MGET
  test("the cache entry and the overlay's version come with the same call", async () => {
    const tenant = await newTenant(bench());
    await bench().command(["SET", "cfg:v", "7"]);
    const first = requestOf(tenant, { levels: [], cacheKey: "answer" });
    const miss = await bench().admission.admit(first);
    expect(miss).toMatchObject({ kind: "admitted", shared: { overlayVersion: 7 } });
    expect(miss).not.toHaveProperty("cached");
    const cacheWrite = { key: "answer", value: '{"text":"ümläut"}', ttlSeconds: 60 };
    await bench().admission.settle({ ...settlementOf(first, { tokens: 1, costNanoUsd: 0 }), cacheWrite });
    const hit = await bench().admission.admit(requestOf(tenant, { levels: [], cacheKey: "answer" }));
    expect(hit).toMatchObject({ kind: "admitted", cached: '{"text":"ümläut"}' });
    const other = await newTenant(bench());
    expect(await bench().admission.admit(requestOf(other, { levels: [], cacheKey: "answer" }))).not.toHaveProperty(
      "cached",
    );
    await bench().command(["DEL", "cfg:v"]);
  });

  // planted: keys without a TTL (PEXPIRE of the record removed)
  test("nothing that a request leaves behind lives for ever", async () => {
    const tenant = await newTenant(bench());
    const levels = [
      levelOf({
        requestsPerMinute: 5,
        tokensPerMinute: 100,
        concurrency: 1,
        budget: { limitNanoUsd: 150, period: "month" },
      }),
    ];
    await bench().admission.admit(requestOf(tenant, { levels, cacheKey: "c" }));
    const keys = (await bench().command(["KEYS", `t:{${tenant}}:*`])) as string[];
    const lasting: string[] = [];
    for (const key of keys) if ((await bench().command(["PTTL", key])) === -1) lasting.push(key);
    expect(lasting).toEqual([`t:{${tenant}}:gen`]);
    expect(keys.length).toBe(7);
  });

  // planted: `keys.publish` without the comparison of versions
  test("a slow reader cannot bring back the version from before a revocation", async () => {
    const tenant = await newTenant(bench());
    await bench().keys.announce({ tenant, keyId: "k1", version: 3 });
    expect(await bench().keys.publish(snapshotOf(tenant, 1))).toBe(true);
    expect((await bench().admission.admit(requestOf(tenant, { levels: [] }))).kind).toBe("stale-key");
  });
});
