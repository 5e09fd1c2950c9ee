import fc from "fast-check";
import { expect, test } from "vitest";
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
  // planted: a missing generation passes
  test("budgeted requests wait until money is opened again; others go on", async () => {
    const tenant = await newTenant(bench());
    const request = () => requestOf(tenant, { levels: budget(1_000), quarantineMs: 150 });
    expect((await bench().admission.admit(request())).kind).toBe("admitted");
    await flush(bench(), tenant);
    const unknown = await bench().admission.admit(request());
    expect(unknown).toMatchObject({ kind: "money-unknown", rebuild: false });
    expect(unknown.kind === "money-unknown" && unknown.retryAfterMs).toBeGreaterThan(0);
    expect(
      (await bench().admission.admit(requestOf(tenant, { levels: [levelOf({ requestsPerMinute: 5 })] }))).kind,
    ).toBe("admitted");
    expect(await bench().money.openMoney(tenant, [])).toBe("quarantined");
    await wait(200);
    expect(await bench().admission.admit(request())).toMatchObject({
      kind: "money-unknown",
      rebuild: true,
      retryAfterMs: 0,
    });
    const spent = [{ level: "key", subject: KEY_ID, period: "total", nanoUsd: 850 }] as const;
    expect(await bench().money.openMoney(tenant, spent)).toBe("opened");
    expect((await bench().admission.admit(request())).kind).toBe("admitted");
    expect(await bench().admission.admit(request())).toMatchObject({ kind: "refused", unit: "money" });
  });

  // planted: openMoney writes although the generation stands
  test("opening money that is open changes nothing", async () => {
    const tenant = await newTenant(bench());
    const request = requestOf(tenant, { levels: budget(1_000) });
    await bench().admission.admit(request);
    await bench().admission.settle(settlementOf(request, { tokens: 0, costNanoUsd: 60 }));
    const before = await bench().dump(`t:{${tenant}}:`);
    expect(
      await bench().money.openMoney(tenant, [{ level: "key", subject: KEY_ID, period: "total", nanoUsd: 0 }]),
    ).toBe("open");
    expect(await bench().money.open(tenant)).toBe(true);
    expect(await bench().dump(`t:{${tenant}}:`)).toEqual(before);
  });

  // planted: `due` is not counted before opening
  test("sums are not taken before the ledger holds what ended during the quarantine", async () => {
    const tenant = await newTenant(bench());
    const running = requestOf(tenant, { levels: budget(1_000), quarantineMs: 100 });
    await bench().admission.admit(running);
    await flush(bench(), tenant);
    expect((await bench().admission.admit(requestOf(tenant, { levels: budget(1_000), quarantineMs: 100 }))).kind).toBe(
      "money-unknown",
    );
    await bench().admission.settle(settlementOf(running, { tokens: 0, costNanoUsd: 70 }));
    await wait(150);
    expect(await bench().money.openMoney(tenant, [])).toBe("undrained");
    await bench().ledger.acknowledge(tenant, [{ requestId: running.requestId, outcome: "completed", counters: {} }]);
    const spent = [{ level: "key", subject: KEY_ID, period: "total", nanoUsd: 70 }] as const;
    expect(await bench().money.openMoney(tenant, spent)).toBe("opened");
  });

  // planted: openMoney takes the first entry for every subject
  test("every subject and period gets its own sum, and the current period of Redis reads it", async () => {
    const tenant = await newTenant(bench());
    await bench().command(["DEL", `t:{${tenant}}:gen`]);
    expect(
      await bench().money.openMoney(tenant, [
        { level: "key", subject: KEY_ID, period: "day", nanoUsd: 10 },
        { level: "key", subject: KEY_ID, period: "month", nanoUsd: 400 },
        { level: "tenant", subject: tenant, period: "month", nanoUsd: 900 },
        { level: "model", subject: "chat", period: "total", nanoUsd: 5_000 },
      ]),
    ).toBe("opened");
    const admit = async (levels: Parameters<typeof requestOf>[1]["levels"]) => {
      const reply = await bench().admission.admit(requestOf(tenant, { levels }));
      return reply.kind === "refused" ? `${reply.level} ${reply.unit}` : reply.kind;
    };
    const limited = (limitNanoUsd: number, period: "day" | "month" | "total") => ({ budget: { limitNanoUsd, period } });
    expect(await admit([levelOf(limited(109, "day"))])).toBe("key money");
    expect(await admit([levelOf(limited(110, "day"))])).toBe("admitted");
    expect(await admit([levelOf(limited(499, "month"))])).toBe("key money");
    expect(await admit([levelOf(limited(500, "month"))])).toBe("admitted");
    expect(await admit([levelOf(limited(999, "month"), "tenant", tenant)])).toBe("tenant money");
    expect(await admit([levelOf(limited(5_100, "total"), "model", "chat")])).toBe("admitted");
    expect(await bench().command(["PTTL", `t:{${tenant}}:m:model:chat`])).toBe(-1);
  });

  // planted: `openMoney` for a tenant that was never seen waits for a quarantine
  test("a new tenant's money opens at once", async () => {
    const tenant = "a tenant: }{ with strange letters";
    expect(await bench().money.open(tenant)).toBe(true);
    await bench().keys.publish(snapshotOf(tenant));
    expect((await bench().admission.admit(requestOf(tenant, { levels: budget(1_000) }))).kind).toBe("admitted");
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
