import fc from "fast-check";
import { expect, test } from "vitest";
import type { AdmissionRequest } from "../../../src/core/ports.ts";
import { UpstashAdmission } from "../../../src/stores/upstash/admission.ts";
import { budgetPeriod } from "../../../src/stores/upstash/levels.ts";
import { clock, periods, script } from "../../../src/stores/upstash/lua/prelude.ts";
import { type Bench, KEY_ID, levelOf, newTenant, onBothForms, requestOf, settlementOf, snapshotOf } from "./support.ts";

const budget = (limitNanoUsd: number) => [levelOf({ budget: { limitNanoUsd, period: "total" } })];
const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Redis loses everything; an isolate that still serves the key publishes it again, as it does on `stale-key`. */
async function flush(bench: Bench, tenant: string) {
  await bench.endpoint.control({ flush: true });
  await bench.keys.publish(snapshotOf(tenant));
}

onBothForms("money", "money when Redis loses its data", (bench) => {
  const unknown = { kind: "money-unknown" };
  const admit = async (tenant: string, levels: AdmissionRequest["levels"], quarantineMs = 60_000) => {
    const reply = await bench().admission.admit(requestOf(tenant, { levels, quarantineMs }));
    return reply.kind === "refused" ? `${reply.level} ${reply.unit}` : reply.kind;
  };

  // planted: a missing generation passes; money opens in the middle of its quarantine
  test("budgeted requests wait until the quarantine is over, then find the ledger's sum; others go on", async () => {
    const tenant = await newTenant(bench());
    expect(await admit(tenant, budget(1_000))).toBe("admitted");
    await flush(bench(), tenant);
    const reply = await bench().admission.admit(requestOf(tenant, { levels: budget(1_000), quarantineMs: 300 }));
    expect(reply).toMatchObject(unknown);
    expect(reply.kind === "money-unknown" && reply.retryAfterMs).toBeGreaterThan(0);
    expect(await admit(tenant, [levelOf({ requestsPerMinute: 5 })])).toBe("admitted");
    expect(await bench().money.open(tenant)).toBe(false);
    expect(await admit(tenant, budget(1_000))).toBe("money-unknown");
    bench().spent.set(`${tenant} key ${KEY_ID} total`, 850);
    await wait(350);
    expect(await admit(tenant, budget(1_000))).toBe("admitted");
    expect(await admit(tenant, budget(1_000))).toBe("key money");
    expect(await bench().command(["EXISTS", `t:{${tenant}}:quarantine`])).toBe(0);
  });

  // planted: `due` is not counted before opening
  test("money stays closed until the ledger holds what ended during the quarantine", async () => {
    const tenant = await newTenant(bench());
    const running = requestOf(tenant, { levels: budget(1_000) });
    await bench().admission.admit(running);
    await flush(bench(), tenant);
    expect(await admit(tenant, budget(1_000), 100)).toBe("money-unknown");
    await bench().admission.settle(settlementOf(running, { tokens: 0, costNanoUsd: 70 }));
    await wait(150);
    const undrained = await bench().admission.admit(requestOf(tenant, { levels: budget(1_000) }));
    expect(undrained).toMatchObject({ ...unknown, retryAfterMs: 5_000 });
    bench().spent.set(`${tenant} key ${KEY_ID} total`, 70);
    await bench().ledger.acknowledge(tenant, [{ requestId: running.requestId, outcome: "completed", counters: {} }]);
    expect(await admit(tenant, budget(169))).toBe("key money");
    expect(await admit(tenant, budget(170))).toBe("admitted");
  });

  // planted: the generation is not compared
  test("sums that were read before another flush are not written after it", async () => {
    const tenant = await newTenant(bench());
    const plain = new UpstashAdmission(bench().link);
    const reply = await plain.admit(requestOf(tenant, { levels: budget(1_000) }));
    if (reply.kind !== "money-unseeded") throw new Error(reply.kind);
    await flush(bench(), tenant);
    await wait(2);
    expect(await bench().money.open(tenant)).toBe(true);
    expect(await bench().money.seed(tenant, reply.unseeded)).toBe(false);
    expect(await bench().command(["EXISTS", `t:{${tenant}}:m:key:${KEY_ID}`])).toBe(0);
  });

  // planted: `open` writes although the generation stands
  test("opening money that is open changes nothing", async () => {
    const tenant = await newTenant(bench());
    await admit(tenant, budget(1_000));
    const before = await bench().dump(`t:{${tenant}}:`);
    await wait(2);
    expect(await bench().money.open(tenant)).toBe(true);
    expect(await bench().dump(`t:{${tenant}}:`)).toEqual(before);
  });

  // planted: a tenant that was never seen waits for a quarantine
  test("a new tenant's money opens at once", async () => {
    const tenant = "a tenant: }{ with strange letters";
    expect(await bench().money.open(tenant)).toBe(true);
    await bench().keys.publish(snapshotOf(tenant));
    expect(await admit(tenant, budget(1_000))).toBe("admitted");
  });
});

onBothForms("money", "a budget of which Redis has no sum", (bench) => {
  const today = () => budgetPeriod("day", Date.now()).id;
  const month = () => budgetPeriod("month", Date.now()).id;
  const limited = (limitNanoUsd: number, period: "day" | "month" | "total") => ({ budget: { limitNanoUsd, period } });
  const admit = async (tenant: string, levels: AdmissionRequest["levels"]) => {
    const reply = await bench().admission.admit(requestOf(tenant, { levels }));
    return reply.kind === "refused" ? `${reply.level} ${reply.unit}` : reply.kind;
  };
  const money = (tenant: string, ...fields: string[]) =>
    bench().command(["HMGET", `t:{${tenant}}:m:key:${KEY_ID}`, ...fields]);

  // planted: a level without a sum was admitted with nothing spent
  test("reserves nothing, and says which levels", async () => {
    const tenant = await newTenant(bench());
    const levels = [
      levelOf({ requestsPerMinute: 5, concurrency: 3 }),
      levelOf(limited(1_000, "day"), "user", "ann"),
      levelOf(limited(1_000, "total"), "tenant", tenant),
    ];
    const reply = await new UpstashAdmission(bench().link).admit(requestOf(tenant, { levels }));
    expect(reply).toMatchObject({ kind: "money-unseeded", unseeded: { levels: levels.slice(1) } });
    const left = Object.keys(await bench().dump(`t:{${tenant}}:`)).map((key) => key.slice(`t:{${tenant}}:`.length));
    expect(left).toEqual(["gen", "kv:k1"]);
  });

  // planted: the first entry's sum for every subject
  test("begins with the ledger's, for every subject and period on its own", async () => {
    const tenant = await newTenant(bench());
    for (const [place, nanoUsd] of [
      [`key ${KEY_ID} ${today()}`, 10],
      [`key ${KEY_ID} ${month()}`, 400],
      [`tenant ${tenant} ${month()}`, 900],
      ["model chat total", 5_000],
    ] as const) {
      bench().spent.set(`${tenant} ${place}`, nanoUsd);
    }
    // Both in one look-up; the total is named, since waiting does not help there.
    const both = [levelOf(limited(999, "month"), "tenant", tenant), levelOf(limited(5_000, "total"), "model", "chat")];
    expect(await admit(tenant, both)).toBe("model money");
    expect(await admit(tenant, [levelOf(limited(109, "day"))])).toBe("key money");
    expect(await admit(tenant, [levelOf(limited(110, "day"))])).toBe("admitted");
    expect(await admit(tenant, [levelOf(limited(499, "month"))])).toBe("key money");
    expect(await admit(tenant, [levelOf(limited(500, "month"))])).toBe("admitted");
    expect(await admit(tenant, [levelOf(limited(999, "month"), "tenant", tenant)])).toBe("tenant money");
    expect(
      await admit(tenant, [
        levelOf(limited(1_000, "month"), "tenant", tenant),
        levelOf(limited(5_100, "total"), "model", "chat"),
      ]),
    ).toBe("admitted");
    expect(await bench().command(["PTTL", `t:{${tenant}}:m:model:chat`])).toBe(-1);
  });

  // planted: any period that was seen, of whatever kind, proves the sum
  test("is one whose kind changed: the month starts with what the ledger holds, not with nothing", async () => {
    const tenant = await newTenant(bench());
    expect(await admit(tenant, [levelOf(limited(1_000, "day"))])).toBe("admitted");
    bench().spent.set(`${tenant} key ${KEY_ID} ${month()}`, 950);
    expect(await admit(tenant, [levelOf(limited(1_000, "month"))])).toBe("key money");
    expect(await money(tenant, `s:${month()}`, `s:${today()}`)).toEqual(["950", "0"]);
  });

  // planted: the ledger's sum written over one that Redis holds and that is ahead of it
  test("is written once: the later of two look-ups changes nothing, and a larger sum in Redis stands", async () => {
    const tenant = await newTenant(bench());
    const levels = [levelOf(limited(1_000, "total"))];
    await bench().command(["HSET", `t:{${tenant}}:m:key:${KEY_ID}`, "s:total", "300"]);
    const plain = new UpstashAdmission(bench().link);
    const reply = await plain.admit(requestOf(tenant, { levels }));
    if (reply.kind !== "money-unseeded") throw new Error(reply.kind);
    bench().spent.set(`${tenant} key ${KEY_ID} total`, 200);
    expect(await bench().money.seed(tenant, reply.unseeded)).toBe(true);
    expect(await money(tenant, "s:total", "p:total")).toEqual(["300", "total"]);
    bench().spent.set(`${tenant} key ${KEY_ID} total`, 900);
    expect(await bench().money.seed(tenant, reply.unseeded)).toBe(true);
    expect(await money(tenant, "s:total")).toEqual(["300"]);
  });

  // planted: a period that has just begun asks the ledger
  test("is none that has gone on from one period into the next: nobody asks the ledger at midnight", async () => {
    const tenant = await newTenant(bench());
    await bench().command(["HSET", `t:{${tenant}}:m:key:${KEY_ID}`, "s:2020-02-29", "999", "p:day", "2020-02-29"]);
    const plain = new UpstashAdmission(bench().link);
    const reply = await plain.admit(requestOf(tenant, { levels: [levelOf(limited(1_000, "day"))] }));
    expect(reply.kind).toBe("admitted");
  });

  // planted: another limit's refusal behind the look-up
  test("asks nobody for a request that another limit refuses anyway", async () => {
    const tenant = await newTenant(bench());
    const levels = [levelOf({ tokensPerMinute: 5 }), levelOf(limited(1_000, "day"), "user", "ann")];
    const reply = await new UpstashAdmission(bench().link).admit(requestOf(tenant, { levels }));
    expect(reply).toMatchObject({ kind: "refused", unit: "tokens" });
  });

  // planted: the month of 31 days counted as 30 (August)
  test("a budget's period has the same name and end in Lua as in TypeScript, on any day", async () => {
    const source = script(
      clock,
      periods,
      "now = tonumber(ARGV[1]) local id, ends = period_of(ARGV[2]) return { id, ends or -1 }",
    );
    const moments = fc.integer({ min: 0, max: Date.UTC(2199, 11, 31) });
    const edges = [
      Date.UTC(2000, 1, 29),
      Date.UTC(2100, 1, 28, 23, 59),
      Date.UTC(2027, 0, 1) - 1,
      Date.UTC(2027, 7, 31),
    ];
    await fc.assert(
      fc.asyncProperty(moments, fc.constantFrom("day", "month", "total"), async (now, kind) => {
        const { id, endsAt } = budgetPeriod(kind, now);
        const reply = await bench().command(["EVAL", source, "0", String(now), kind]);
        expect(reply).toEqual([id, endsAt ?? -1]);
      }),
      {
        numRuns: 150,
        examples: edges.flatMap((now) => [[now, "day"] as [number, "day"], [now, "month"] as [number, "month"]]),
      },
    );
  });
});
