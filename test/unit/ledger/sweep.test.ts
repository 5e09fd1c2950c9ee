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
    const small = { batch: 2, calls: 10, timeMs: 40_000 };
    expect(await sweep(bench.ledger, small)).toMatchObject({ written: 4, stopped: "allowance" });
    expect(await bench.due()).toHaveLength(2);
    expect(await sweep(bench.ledger, { ...small, timeMs: 0 })).toMatchObject({ written: 0, stopped: "allowance" });
    expect(await sweep(bench.ledger, { ...small, calls: 100 })).toMatchObject({ written: 2 });
  });
});

describe("the sweep with many tenants", () => {
  const names = Array.from({ length: 450 }, (_, index) => `tenant-${String(index).padStart(3, "0")}`);
  /** Tenants that Redis knows, some of them with so many settled records. */
  async function backlog(records: Readonly<Record<string, number>>) {
    for (const name of names) await bench.know(name);
    for (const [tenant, count] of Object.entries(records)) {
      for (let made = 0; made < count; made++) await bench.settle(settledEvent({ tenant }));
    }
  }
  const left = async (tenant: string) => (await bench.dueOf(tenant)).length;

  // planted: a call for each tenant
  it("asks for hundreds of them in a few calls where nothing is due", async () => {
    await backlog({});
    const before = bench.redis.counters().httpCalls;
    expect(await sweep(bench.ledger)).toMatchObject({ tenants: 452, written: 0 });
    expect(bench.redis.counters().httpCalls - before).toBe(5);
  });

  // planted: a tenant drained before the next one has a turn
  it("gives each a batch in turn: one's backlog keeps nobody waiting", async () => {
    await backlog({ "tenant-000": 40, "tenant-200": 3, "tenant-449": 2 });
    const report = await sweep(bench.ledger, { batch: 4, calls: 5 + 4 * 6 - 1, timeMs: 40_000 });
    expect(report).toMatchObject({ written: 13, stopped: "allowance" });
    expect([await left("tenant-000"), await left("tenant-200"), await left("tenant-449")]).toEqual([32, 0, 0]);
  });

  // planted: the place at which a run ended not remembered
  it("goes on behind the tenant at which it ended, until all have had theirs", async () => {
    const busy = names.filter((_, index) => index % 30 === 0);
    await backlog(Object.fromEntries(busy.map((name) => [name, 3])));
    // Three turns a run: whoever began anew each time would never get beyond the third of them.
    const rule = { batch: 2, calls: 5 + 3 * 6 - 1, timeMs: 40_000 };
    for (let run = 0; run < 5; run++) expect(await sweep(bench.ledger, rule)).toMatchObject({ written: 6 });
    expect(await Promise.all(busy.map(left))).toEqual(busy.map(() => 1));
  });

  // planted: one tenant's error of Redis ends the run
  it("passes by one whose records Redis cannot read, and begins behind one at whom a run broke off", async () => {
    await backlog({ "tenant-001": 1, "tenant-002": 1 });
    await bench.redis.control({ wrongType: { key: "t:{tenant-000}:due", type: "string" } });
    expect(await sweep(bench.ledger)).toMatchObject({ written: 2 });
    expect(bench.logged).toContainEqual(expect.objectContaining({ tenant: "tenant-000", detail: "WRONGTYPE" }));
    for (const tenant of ["tenant-001", "tenant-002"]) await bench.settle(settledEvent({ tenant }));
    await bench.database.endpoint.control({ refuse: true });
    expect(await sweep(bench.ledger)).toMatchObject({ written: 0, stopped: "postgres: network" });
    await bench.database.endpoint.control({});
    expect(await sweep(bench.ledger, { batch: 9, calls: 6, timeMs: 40_000 })).toMatchObject({ written: 1 });
    expect([await left("tenant-001"), await left("tenant-002")]).toEqual([1, 0]);
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
