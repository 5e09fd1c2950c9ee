import { expect, test } from "vitest";
import type { Acknowledgement, UpstashLedger } from "../../../src/stores/upstash/ledger.ts";
import { type Bench, eventOf, levelOf, newTenant, onBothForms, requestOf, settlementOf } from "./support.ts";

const levels = [levelOf({ tokensPerMinute: 1_000, concurrency: 5, budget: { limitNanoUsd: 10_000, period: "total" } })];
const wait = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function dueOf(ledger: UpstashLedger, tenant: string) {
  const due = await ledger.due(tenant, 100);
  if (!due.ok) throw new Error(due.failure);
  return due.value.map(({ requestId, state }) => [requestId, state]);
}

async function acknowledge(bench: Bench, tenant: string, requestId: string, outcome: "completed" | "abandoned") {
  const counters = { [`requests|${tenant}`]: 1 };
  const done = await bench.ledger.acknowledge(tenant, [{ requestId, outcome, counters }]);
  if (!done.ok) throw new Error(done.failure);
  return done.value[0];
}

const counted = async (bench: Bench, tenant: string) => {
  const counters = await bench.ledger.counters();
  return counters.ok ? (counters.value[`requests|${tenant}`] ?? 0) : Number.NaN;
};

const spent = async (bench: Bench, tenant: string) =>
  (await bench.command(["HMGET", `t:{${tenant}}:m:key:k1`, "s:total", "r:total"])) as unknown;

onBothForms("ledger", "the ledger's side", (bench) => {
  // planted: settle leaves the record's place in `due` at the lease's end
  test("a settled request is due at once, with its event; a running one is not", async () => {
    const tenant = await newTenant(bench());
    const [running, settled] = [requestOf(tenant, { levels }), requestOf(tenant, { levels })];
    await bench().admission.admit(running);
    await bench().admission.admit(settled);
    const settlement = settlementOf(settled, { tokens: 1, costNanoUsd: 10 });
    await bench().admission.settle(settlement);
    const due = await bench().ledger.due(tenant, 10);
    expect(due).toEqual({
      ok: true,
      value: [{ requestId: settled.requestId, state: "settled", eventText: JSON.stringify(settlement.event) }],
    });
    const active = await bench().ledger.activeTenants();
    expect(active.ok && active.value).toContain(tenant);
  });

  // planted: counters raised on every acknowledgement
  test("what is acknowledged is due no more, and counts once however often it is acknowledged", async () => {
    const tenant = await newTenant(bench());
    const request = requestOf(tenant, { levels });
    await bench().admission.admit(request);
    await bench().admission.settle(settlementOf(request, { tokens: 1, costNanoUsd: 10 }));
    const seen: (Acknowledgement | undefined)[] = [];
    for (let time = 0; time < 3; time++) seen.push(await acknowledge(bench(), tenant, request.requestId, "completed"));
    expect(seen).toEqual(["acknowledged", "repeated", "repeated"]);
    expect(await dueOf(bench().ledger, tenant)).toEqual([]);
    expect(await counted(bench(), tenant)).toBe(1);
    expect((await bench().admission.settle(settlementOf(request, { tokens: 1, costNanoUsd: 10 }))).kind).toBe(
      "already-settled",
    );
  });

  // planted: `sweep` does not compare the lease with the clock
  test("only a lease that ran out is swept, and once", async () => {
    const tenant = await newTenant(bench());
    const [running, lost] = [requestOf(tenant, { levels }), requestOf(tenant, { levels, leaseMs: 1 })];
    await bench().admission.admit(running);
    await bench().admission.admit(lost);
    await wait(5);
    expect(await dueOf(bench().ledger, tenant)).toEqual([[lost.requestId, "leased"]]);
    expect(await bench().ledger.sweep(tenant, [running.requestId])).toEqual({ ok: true, value: ["running"] });
    expect(await bench().ledger.sweep(tenant, [lost.requestId])).toEqual({ ok: true, value: ["abandoned"] });
    expect(await bench().ledger.sweep(tenant, [lost.requestId])).toEqual({ ok: true, value: ["not-leased"] });
    expect(await spent(bench(), tenant)).toEqual(["100", "100"]);
    const due = await bench().ledger.due(tenant, 10);
    expect(due.ok && due.value[0]).toMatchObject({ state: "abandoned", eventText: JSON.stringify(lost.abandoned) });
  });

  // planted: an acknowledged abandoned record becomes `done`
  test("an abandoned request that settles after it was written is due again, and counts once", async () => {
    const tenant = await newTenant(bench());
    const lost = requestOf(tenant, { levels, leaseMs: 1 });
    await bench().admission.admit(lost);
    await wait(5);
    await bench().ledger.sweep(tenant, [lost.requestId]);
    expect(await acknowledge(bench(), tenant, lost.requestId, "abandoned")).toBe("acknowledged");
    expect(await dueOf(bench().ledger, tenant)).toEqual([]);
    expect((await bench().admission.settle(settlementOf(lost, { tokens: 2, costNanoUsd: 30 }))).kind).toBe("late");
    expect(await spent(bench(), tenant)).toEqual(["30", "0"]);
    expect(await dueOf(bench().ledger, tenant)).toEqual([[lost.requestId, "settled"]]);
    expect(await acknowledge(bench(), tenant, lost.requestId, "completed")).toBe("acknowledged");
    expect(await counted(bench(), tenant)).toBe(1);
  });

  // planted: an acknowledgement of the abandoned event closes a record that has been settled since
  test("a settlement between writing and acknowledging an abandoned event is not lost", async () => {
    const tenant = await newTenant(bench());
    const lost = requestOf(tenant, { levels, leaseMs: 1 });
    await bench().admission.admit(lost);
    await wait(5);
    await bench().ledger.sweep(tenant, [lost.requestId]);
    await bench().admission.settle(settlementOf(lost, { tokens: 2, costNanoUsd: 30 }));
    expect(await acknowledge(bench(), tenant, lost.requestId, "abandoned")).toBe("superseded");
    expect(await dueOf(bench().ledger, tenant)).toEqual([[lost.requestId, "settled"]]);
  });

  for (const swept of [false, true]) {
    // planted: `unsettled` is never said
    test(`an event that came by the queue settles a request that is ${swept ? "abandoned" : "leased"} in Redis`, async () => {
      const tenant = await newTenant(bench());
      const request = requestOf(tenant, { levels, leaseMs: swept ? 1 : 60_000 });
      await bench().admission.admit(request);
      if (swept) {
        await wait(5);
        await bench().ledger.sweep(tenant, [request.requestId]);
      }
      expect(await acknowledge(bench(), tenant, request.requestId, "completed")).toBe("unsettled");
      const event = eventOf(tenant, request.requestId, { costNanoUsd: 25, usage: { inputTokens: 2, outputTokens: 3 } });
      expect((await bench().ledger.settle(event)).kind).toBe(swept ? "late" : "settled");
      expect(await acknowledge(bench(), tenant, request.requestId, "completed")).toBe("acknowledged");
      expect(await spent(bench(), tenant)).toEqual(["25", "0"]);
      expect((await bench().admission.settle(settlementOf(request, { tokens: 5, costNanoUsd: 25 }))).kind).toBe(
        "already-settled",
      );
    });
  }

  for (const asked of [false, true]) {
    // planted: tokens that nobody counted always stay as reserved
    test(`an event that counted no tokens keeps them reserved only where a backend was asked (${asked})`, async () => {
      const tenant = await newTenant(bench());
      const request = requestOf(tenant, { levels, reservation: { tokens: 400, costNanoUsd: 0 } });
      await bench().admission.admit(request);
      const attempt = {
        ordinal: 0,
        backend: "home",
        model: "m",
        wire: "openai-chat",
        outcome: "failed",
        startedAt: 1,
        durationMs: 1,
        estimated: false,
        costNanoUsd: 0,
      } as const;
      await bench().ledger.settle(eventOf(tenant, request.requestId, { attempts: asked ? [attempt] : [] }));
      const next = await bench().admission.admit(
        requestOf(tenant, { levels, reservation: { tokens: 0, costNanoUsd: 0 } }),
      );
      expect(next.kind === "admitted" && next.rate.tokens?.remaining).toBe(asked ? 600 : 1_000);
    });
  }

  // planted: a missing record is not counted
  test("an event whose record is gone is acknowledged, counted once, and drops out of what is due", async () => {
    const tenant = await newTenant(bench());
    const request = requestOf(tenant, { levels });
    await bench().admission.settle(settlementOf(request, { tokens: 1, costNanoUsd: 1 }));
    await bench().command(["DEL", `t:{${tenant}}:rec:${request.requestId}`]);
    expect(await dueOf(bench().ledger, tenant)).toEqual([[request.requestId, "gone"]]);
    expect(await acknowledge(bench(), tenant, request.requestId, "completed")).toBe("acknowledged");
    expect(await acknowledge(bench(), tenant, request.requestId, "completed")).toBe("repeated");
    expect(await dueOf(bench().ledger, tenant)).toEqual([]);
    expect(await counted(bench(), tenant)).toBe(1);
  });

  // planted: a tombstone without a record lived a day
  test("what never had a record leaves a tombstone of minutes, what had one of a day", async () => {
    const tenant = await newTenant(bench());
    const request = requestOf(tenant, { levels });
    await bench().admission.admit(request);
    await bench().admission.settle(settlementOf(request, { tokens: 1, costNanoUsd: 10 }));
    expect(await acknowledge(bench(), tenant, "req_refused", "completed")).toBe("acknowledged");
    expect(await acknowledge(bench(), tenant, "req_refused", "completed")).toBe("repeated");
    expect(await acknowledge(bench(), tenant, request.requestId, "completed")).toBe("acknowledged");
    const minutesLeft = async (requestId: string) =>
      Math.ceil(Number(await bench().command(["PTTL", `t:{${tenant}}:rec:${requestId}`])) / 60_000);
    expect([await minutesLeft("req_refused"), await minutesLeft(request.requestId)]).toEqual([10, 1_440]);
  });

  // planted: bury leaves the record due
  test("a buried event stays away until it is replayed, and then is due with all it held", async () => {
    const tenant = await newTenant(bench());
    const request = requestOf(tenant, { levels });
    await bench().admission.admit(request);
    const settlement = settlementOf(request, { tokens: 1, costNanoUsd: 1 });
    await bench().admission.settle(settlement);
    expect(await bench().ledger.bury(tenant, request.requestId, "23505 unique_violation")).toEqual({
      ok: true,
      value: true,
    });
    expect(await dueOf(bench().ledger, tenant)).toEqual([]);
    const dead = await bench().ledger.dead({ tenant, limit: 10 });
    expect(dead).toMatchObject({
      ok: true,
      value: [{ tenant, requestId: request.requestId, reason: "23505 unique_violation" }],
    });
    expect(await bench().ledger.replay({ requestIds: ["another"] })).toEqual({ ok: true, value: 0 });
    expect(await bench().ledger.replay({ tenant, requestIds: [request.requestId] })).toEqual({ ok: true, value: 1 });
    expect(await bench().ledger.dead({ tenant, limit: 10 })).toEqual({ ok: true, value: [] });
    const due = await bench().ledger.due(tenant, 10);
    expect(due.ok && due.value[0]?.eventText).toBe(JSON.stringify(settlement.event));
  });

  // planted: bury without a record forgets the event that came with it
  test("an event that Redis does not hold can be buried with its text", async () => {
    const tenant = await newTenant(bench());
    expect(await bench().ledger.bury(tenant, "req_unknown", "malformed")).toEqual({ ok: true, value: false });
    expect(await bench().ledger.bury(tenant, "req_queued", "malformed", '{"v":1}')).toEqual({ ok: true, value: true });
    expect(await bench().ledger.replay({ tenant })).toEqual({ ok: true, value: 1 });
    const due = await bench().ledger.due(tenant, 10);
    expect(due).toEqual({ ok: true, value: [{ requestId: "req_queued", state: "settled", eventText: '{"v":1}' }] });
  });
});
