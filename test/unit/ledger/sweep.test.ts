import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { WideEvent } from "../../../src/core/wide-event.ts";
import { consume } from "../../../workers/ledger/src/consume.ts";
import { SWEEP_RULE, sweep } from "../../../workers/ledger/src/sweep.ts";
import { abandonedOf, settledEvent } from "../../support/events.ts";
import { type Bench, message, startBench } from "./bench.ts";

let bench: Bench;
beforeAll(async () => {
  bench = await startBench();
});
beforeEach(() => bench.reset());
afterAll(() => bench.close());

const SETTLED = { status: "settled", outcome: "completed", cost_nano_usd: "1400" };
const ABANDONED = { status: "abandoned", outcome: "abandoned", cost_nano_usd: "9000" };

async function admitted(fields: Partial<WideEvent> = {}) {
  const event = settledEvent(fields);
  await bench.admit(event, abandonedOf(event));
  return event;
}

describe("the sweep", () => {
  // planted: only the first batch of a tenant was taken
  it("writes every settled record that no message brought, of every tenant", async () => {
    const events: WideEvent[] = [];
    for (let index = 0; index < 12; index++) {
      const event = await admitted({ tenant: index % 3 === 0 ? "globex" : "acme" });
      await bench.settle(event);
      events.push(event);
    }
    const report = await sweep(bench.ledger, { ...SWEEP_RULE, batch: 3 });
    expect(report).toEqual({ tenants: 2, written: 12, abandoned: 0, buried: 0 });
    for (const { requestId } of events) expect(await bench.rows(requestId)).toEqual({ request: SETTLED, charges: 1 });
    expect([await bench.due(), await bench.counted()]).toEqual([[], { all: 12, abandoned: 0 }]);
    expect(await sweep(bench.ledger)).toEqual({ tenants: 2, written: 0, abandoned: 0, buried: 0 });
  });

  it("leaves a running lease alone, and books one that ran out as abandoned, at what was reserved", async () => {
    const event = await admitted();
    expect(await sweep(bench.ledger)).toMatchObject({ written: 0, abandoned: 0 });
    await bench.leaseOver();
    expect(await sweep(bench.ledger)).toMatchObject({ written: 1, abandoned: 1 });
    expect(await bench.rows(event.requestId)).toEqual({ request: ABANDONED, charges: 0 });
    expect(await bench.budget()).toEqual({ reserved: 0, spent: 9_000 });
    expect([await bench.due(), await bench.counted()]).toEqual([[], { all: 1, abandoned: 1 }]);
  });

  // planted: the settled event did not replace the abandoned row
  it("turns an abandoned request into a settled one when its gateway settles late, once", async () => {
    const event = await admitted();
    await bench.leaseOver();
    await sweep(bench.ledger);
    await bench.settle(event);
    await sweep(bench.ledger);
    await bench.settle(event);
    await consume([message([event])], bench.ledger);
    await sweep(bench.ledger);
    expect(await bench.rows(event.requestId)).toEqual({ request: SETTLED, charges: 1 });
    expect(await bench.budget()).toEqual({ reserved: 0, spent: 1_400 });
    expect(await bench.due()).toEqual([]);
  });

  // planted: the levels of an abandoned record went with its acknowledgement
  it("does the same when the late event comes by the queue alone", async () => {
    const event = await admitted();
    await bench.leaseOver();
    await sweep(bench.ledger);
    await consume([message([event])], bench.ledger);
    expect(await bench.rows(event.requestId)).toEqual({ request: SETTLED, charges: 1 });
    expect([await bench.budget(), await bench.due()]).toEqual([{ reserved: 0, spent: 1_400 }, []]);
  });

  it("does no harm beside another sweep and a consumer of the same events", async () => {
    const events: WideEvent[] = [];
    for (let index = 0; index < 20; index++) events.push(await admitted());
    for (const event of events.slice(0, 10)) await bench.settle(event);
    await bench.leaseOver();
    await Promise.all([
      sweep(bench.ledger),
      sweep(bench.ledger, { ...SWEEP_RULE, batch: 4 }),
      consume([message(events.slice(0, 15))], bench.ledger),
    ]);
    await sweep(bench.ledger);
    const spent = 15 * 1_400 + 5 * 9_000;
    expect(await bench.budget()).toEqual({ reserved: 0, spent });
    expect([await bench.due(), (await bench.counted()).all]).toEqual([[], 20]);
    for (const [index, { requestId }] of events.entries()) {
      expect((await bench.rows(requestId)).request).toEqual(index < 15 ? SETTLED : ABANDONED);
    }
  });

  // planted: the run did not look at what it may still spend
  it("ends when it has done its share, and the next run goes on from there", async () => {
    const events: WideEvent[] = [];
    for (let index = 0; index < 6; index++) {
      const event = await admitted();
      await bench.settle(event);
      events.push(event);
    }
    const small = { batch: 2, calls: 7, timeMs: 40_000 };
    expect(await sweep(bench.ledger, small)).toMatchObject({ written: 4, stopped: "allowance" });
    expect(await bench.due()).toHaveLength(2);
    expect(await sweep(bench.ledger, { ...small, timeMs: 0 })).toMatchObject({ written: 0, stopped: "allowance" });
    expect(await sweep(bench.ledger, { ...small, calls: 100 })).toMatchObject({ written: 2 });
  });
});

describe("the sweep under faults", () => {
  it("stops while Postgres is away and loses nothing", async () => {
    const [settled, leased] = [await admitted(), await admitted()];
    await bench.settle(settled);
    await bench.leaseOver();
    await bench.database.endpoint.control({ refuse: true });
    expect(await sweep(bench.ledger)).toMatchObject({ written: 0, stopped: "postgres: network" });
    await bench.database.endpoint.control({});
    expect(await bench.due()).toHaveLength(2);
    expect(await sweep(bench.ledger)).toMatchObject({ written: 2 });
    expect((await bench.rows(leased.requestId)).request).toEqual(ABANDONED);
  });

  it("stops while Redis is away, wherever it goes away, and loses nothing", async () => {
    const event = await admitted();
    await bench.leaseOver();
    for (const skip of [0, 1, 2, 3, 4, 5]) {
      bench.redis.setFaults({ fault: "reset", skip, times: 1 });
      await sweep(bench.ledger);
    }
    bench.redis.setFaults();
    await sweep(bench.ledger);
    expect(await bench.rows(event.requestId)).toEqual({ request: ABANDONED, charges: 0 });
    expect([await bench.due(), await bench.budget()]).toEqual([[], { reserved: 0, spent: 9_000 }]);
    expect(await bench.counted()).toEqual({ all: 1, abandoned: 1 });
  });

  // planted: a poison record stopped the run
  it("buries what cannot be read or stored with its reason, goes on, and replays it", async () => {
    const strange = await admitted();
    await bench.settle({ ...strange, startedAt: 8.64e15, endedAt: 8.64e15 });
    const unreadable = await admitted();
    await bench.settle({ ...unreadable, costNanoUsd: 1.5 });
    const good = await admitted();
    await bench.settle(good);
    expect(await sweep(bench.ledger)).toMatchObject({ written: 1, buried: 2 });
    expect((await bench.rows(good.requestId)).request).toEqual(SETTLED);
    expect(await bench.due()).toEqual([]);
    const dead = await bench.office.dead({ tenant: "acme", limit: 10 });
    expect(dead.ok && new Map(dead.value.map(({ requestId, reason }) => [requestId, reason]))).toEqual(
      new Map([
        [strange.requestId, "postgres refused it: sqlstate 22009"],
        [unreadable.requestId, "costNanoUsd: invalid_type"],
      ]),
    );
    expect(await bench.office.replay({ tenant: "acme", requestIds: [strange.requestId] })).toEqual({
      ok: true,
      value: 1,
    });
    expect(await bench.due()).toEqual([strange.requestId]);
    expect(await sweep(bench.ledger)).toMatchObject({ written: 0, buried: 1 });
    expect(await bench.office.replay({})).toEqual({ ok: true, value: 2 });
  });

  it("buries an event that names another tenant than its record does", async () => {
    const event = await admitted();
    await bench.settle(event);
    await bench.office.bury("globex", event.requestId, "test", JSON.stringify(event));
    await bench.office.replay({ tenant: "globex" });
    expect(await sweep(bench.ledger)).toMatchObject({ written: 1, buried: 1 });
    expect((await bench.rows(event.requestId)).request).toEqual(SETTLED);
  });
});
