import { expect, test } from "vitest";
import { UpstashKeptAnswers } from "../../../src/stores/upstash/kept-answers.ts";
import { type Bench, levelOf, newTenant, onBothForms, requestOf, settlementOf } from "./support.ts";

const fullLevels = () => [
  levelOf({
    requestsPerMinute: 50,
    tokensPerMinute: 1_000,
    concurrency: 5,
    budget: { limitNanoUsd: 10_000, period: "total" },
  }),
];

/** What a key has spent and reserved, and its tokens' debt in whole tokens. */
async function standing(bench: Bench, tenant: string) {
  const money = (await bench.command(["HMGET", `t:{${tenant}}:m:key:k1`, "s:total", "r:total"])) as string[];
  const bucket = (await bench.command(["HMGET", `t:{${tenant}}:b:key:k1`, "t", "p"])) as string[];
  const leases = await bench.command(["ZCARD", `t:{${tenant}}:l:key:k1`]);
  const tokens = Math.ceil(Number(bucket[0] ?? 0) / Number(bucket[1] ?? 1));
  return { spent: Number(money[0] ?? 0), reserved: Number(money[1] ?? 0), tokens, leases };
}

const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

onBothForms("settle", "settlement", (bench) => {
  // planted: the refund is `reserved - tokens` instead of the other way round
  test("a reservation becomes the truth: tokens refunded, lease gone, money spent", async () => {
    const tenant = await newTenant(bench());
    const request = requestOf(tenant, { levels: fullLevels(), reservation: { tokens: 100, costNanoUsd: 500 } });
    await bench().admission.admit(request);
    expect(await standing(bench(), tenant)).toEqual({ spent: 0, reserved: 500, tokens: 100, leases: 1 });
    const reply = await bench().admission.settle(settlementOf(request, { tokens: 30, costNanoUsd: 150 }));
    expect(reply.kind).toBe("settled");
    expect(await standing(bench(), tenant)).toEqual({ spent: 150, reserved: 0, tokens: 30, leases: 0 });
  });

  // planted: the state is not looked at before settling
  test("settling again changes nothing", async () => {
    const tenant = await newTenant(bench());
    const request = requestOf(tenant, { levels: fullLevels() });
    await bench().admission.admit(request);
    await bench().admission.settle(settlementOf(request, { tokens: 3, costNanoUsd: 30 }));
    const before = await bench().dump(`t:{${tenant}}:`);
    const again = await bench().admission.settle(settlementOf(request, { tokens: 9, costNanoUsd: 90 }));
    expect(again.kind).toBe("already-settled");
    expect(await bench().dump(`t:{${tenant}}:`)).toEqual(before);
  });

  // planted: the debt after settling capped at the capacity
  test("a truth larger than the reservation leaves the bucket below zero", async () => {
    const tenant = await newTenant(bench());
    const request = requestOf(tenant, { levels: fullLevels(), reservation: { tokens: 100, costNanoUsd: 0 } });
    await bench().admission.admit(request);
    await bench().admission.settle(settlementOf(request, { tokens: 1_500, costNanoUsd: 0 }));
    expect((await standing(bench(), tenant)).tokens).toBe(1_500);
    const next = await bench().admission.admit(
      requestOf(tenant, { levels: fullLevels(), reservation: { tokens: 1, costNanoUsd: 0 } }),
    );
    expect(next).toMatchObject({ kind: "refused", unit: "tokens", rate: { tokens: { remaining: 0 } } });
  });

  // planted: both `math.max(0, …)` of a debt left out, of the refund and of reading
  test("a refund after the bucket has refilled does not lift it above its capacity", async () => {
    const tenant = await newTenant(bench());
    const levels = [levelOf({ tokensPerMinute: 100, refillPeriodMs: 200 })];
    const request = requestOf(tenant, { levels, reservation: { tokens: 60, costNanoUsd: 0 } });
    await bench().admission.admit(request);
    await wait(300);
    await bench().admission.settle(settlementOf(request, { tokens: 0, costNanoUsd: 0 }));
    const next = await bench().admission.admit(
      requestOf(tenant, { levels, reservation: { tokens: 100, costNanoUsd: 0 } }),
    );
    expect(next).toMatchObject({ kind: "admitted", rate: { tokens: { remaining: 0 } } });
  });

  // planted: tokens of a cache hit stay charged (refund only where some were used)
  test("a cache hit charges the request and no token", async () => {
    const tenant = await newTenant(bench());
    const request = requestOf(tenant, { levels: fullLevels(), reservation: { tokens: 100, costNanoUsd: 500 } });
    await bench().admission.admit(request);
    await bench().admission.settle(settlementOf(request, { tokens: 0, costNanoUsd: 0 }));
    const next = await bench().admission.admit(
      requestOf(tenant, { levels: fullLevels(), reservation: { tokens: 1, costNanoUsd: 0 } }),
    );
    expect(next).toMatchObject({ rate: { requests: { remaining: 48 }, tokens: { remaining: 999 } } });
  });

  // planted: a late settlement charges the whole cost and not the difference
  test("a late settlement of an abandoned request applies the difference, once", async () => {
    const tenant = await newTenant(bench());
    const request = requestOf(tenant, {
      levels: fullLevels(),
      leaseMs: 1,
      reservation: { tokens: 100, costNanoUsd: 500 },
    });
    await bench().admission.admit(request);
    await wait(5);
    expect(await bench().ledger.sweep(tenant, [request.requestId])).toEqual({ ok: true, value: ["abandoned"] });
    expect(await standing(bench(), tenant)).toEqual({ spent: 500, reserved: 0, tokens: 100, leases: 0 });
    const truth = settlementOf(request, { tokens: 40, costNanoUsd: 200 });
    expect((await bench().admission.settle(truth)).kind).toBe("late");
    expect((await bench().admission.settle(truth)).kind).toBe("already-settled");
    expect(await standing(bench(), tenant)).toEqual({ spent: 200, reserved: 0, tokens: 40, leases: 0 });
  });

  // planted: money of a settlement without a record is charged while budgets are unknown
  test("without a record the event is kept, and its cost counts where budgets are known", async () => {
    const tenant = await newTenant(bench());
    const unseeded = requestOf(tenant, { levels: fullLevels() });
    await bench().admission.settle(settlementOf(unseeded, { tokens: 5, costNanoUsd: 70 }));
    expect((await standing(bench(), tenant)).spent).toBe(0);
    const seeding = requestOf(tenant, { levels: fullLevels() });
    await bench().admission.admit(seeding);
    await bench().admission.settle(settlementOf(seeding, { tokens: 0, costNanoUsd: 0 }));
    const unleased = requestOf(tenant, { levels: fullLevels() });
    expect((await bench().admission.settle(settlementOf(unleased, { tokens: 5, costNanoUsd: 70 }))).kind).toBe(
      "settled",
    );
    expect(await standing(bench(), tenant)).toEqual({ spent: 70, reserved: 0, tokens: 0, leases: 0 });
    await bench().command(["DEL", `t:{${tenant}}:gen`]);
    const afterFlush = requestOf(tenant, { levels: fullLevels() });
    await bench().admission.settle(settlementOf(afterFlush, { tokens: 5, costNanoUsd: 70 }));
    expect((await standing(bench(), tenant)).spent).toBe(70);
    const due = await bench().ledger.due(tenant, 10);
    expect(due.ok && due.value.map(({ requestId, state }) => [requestId, state])).toEqual([
      [unseeded.requestId, "settled"],
      [seeding.requestId, "settled"],
      [unleased.requestId, "settled"],
      [afterFlush.requestId, "settled"],
    ]);
  });

  // planted: a settled record no longer stops an admission (`HEXISTS record state` compared with "leased")
  test("an admission that arrives behind its own settlement reserves nothing", async () => {
    const tenant = await newTenant(bench());
    const request = requestOf(tenant, { levels: fullLevels() });
    await bench().admission.settle(settlementOf(request, { tokens: 0, costNanoUsd: 0 }));
    await bench().admission.admit(request);
    expect(await standing(bench(), tenant)).toEqual({ spent: 0, reserved: 0, tokens: 0, leases: 0 });
  });

  // planted: `admitted_in` taken from the clock at settlement
  test("money reserved before midnight is settled in the day in which it was reserved", async () => {
    const tenant = await newTenant(bench());
    const levels = [levelOf({ budget: { limitNanoUsd: 1_000, period: "day" } })];
    const request = requestOf(tenant, { levels, reservation: { tokens: 0, costNanoUsd: 400 } });
    await bench().admission.admit(request);
    const key = `t:{${tenant}}:m:key:k1`;
    const today = (await bench().command(["HGET", key, "p:day"])) as string;
    // The day passes: what was reserved today now belongs to a day that is over.
    await bench().command(["DEL", key]);
    await bench().command(["HSET", key, "r:2020-02-29", "400", "s:2020-02-29", "50", "p:day", "2020-02-29"]);
    await bench().command(["HSET", `t:{${tenant}}:rec:${request.requestId}`, "periods", "2020-02-29"]);
    const next = requestOf(tenant, { levels, reservation: { tokens: 0, costNanoUsd: 1_000 } });
    expect((await bench().admission.admit(next)).kind).toBe("admitted");
    await bench().admission.settle(settlementOf(request, { tokens: 0, costNanoUsd: 100 }));
    const held = await bench().dump(key);
    expect(held[key]).toEqual({ type: "hash", content: ["p:day", today, `r:${today}`, "1000"] });
  });

  // planted: no limit on the size of an entry
  test("an entry beyond 256 KiB is not cached, one of that size is", async () => {
    const tenant = await newTenant(bench());
    const request = requestOf(tenant, { levels: [] });
    const write = (key: string, value: string) =>
      bench().admission.settle({
        ...settlementOf(request, { tokens: 0, costNanoUsd: 0 }),
        cacheWrite: { key, value, ttlSeconds: 60 },
      });
    await write("fits", "x".repeat(262_144));
    await write("too-large", `${"x".repeat(262_143)}é`);
    expect(await bench().command(["EXISTS", `t:{${tenant}}:c:fits`])).toBe(1);
    expect(await bench().command(["EXISTS", `t:{${tenant}}:c:too-large`])).toBe(0);
    expect(await bench().command(["TTL", `t:{${tenant}}:c:fits`])).toBeGreaterThan(50);
  });

  // planted: kept under a name without the tenant; without a lifetime; a store that is away taken for an unknown id
  test("a kept answer is found and removed by its tenant alone, until its time is over or it is too large", async () => {
    const [tenant, other] = [await newTenant(bench()), await newTenant(bench())];
    const kept = new UpstashKeptAnswers(bench().link);
    const write = (id: string, value: string) =>
      bench().admission.settle({
        ...settlementOf(requestOf(tenant, { levels: [] }), { tokens: 0, costNanoUsd: 0 }),
        cacheWrite: { key: "beside", value: "v", ttlSeconds: 60 },
        keptWrite: { id, value, ttlSeconds: 60 },
      });
    expect((await write("resp_1", '{"ü": 1}')).kind).toBe("settled");
    await write("resp_2", `${"x".repeat(262_143)}é`);
    expect(await bench().command(["TTL", `t:{${tenant}}:resp:resp_1`])).toBeGreaterThan(50);
    expect(await bench().command(["EXISTS", `t:{${tenant}}:c:beside`])).toBe(1);

    expect(await kept.find(tenant, "resp_1")).toEqual({ kind: "found", value: '{"ü": 1}' });
    expect(await kept.find(tenant, "resp_2")).toEqual({ kind: "unknown" });
    expect(await kept.find(other, "resp_1")).toEqual({ kind: "unknown" });
    expect(await kept.remove(other, "resp_1")).toEqual({ kind: "unknown" });
    bench().endpoint.setFaults({ fault: "reset", times: 2 });
    expect((await kept.find(tenant, "resp_1")).kind).toBe("unavailable");
    expect((await kept.remove(tenant, "resp_1")).kind).toBe("unavailable");
    bench().endpoint.setFaults();
    expect(await kept.remove(tenant, "resp_1")).toEqual({ kind: "removed" });
    expect(await kept.find(tenant, "resp_1")).toEqual({ kind: "unknown" });
  });
});
