import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { book } from "../../../workers/ledger/src/book.ts";
import { consume } from "../../../workers/ledger/src/consume.ts";
import type { Ledger } from "../../../workers/ledger/src/ports.ts";
import { sweep } from "../../../workers/ledger/src/sweep.ts";
import { abandonedOf, settledEvent } from "../../support/events.ts";
import { type Bench, message, startBench } from "./bench.ts";

let bench: Bench;
beforeAll(async () => {
  bench = await startBench();
});
beforeEach(() => bench.reset());
afterAll(() => bench.close());

const SETTLED = { status: "settled", outcome: "completed", cost_nano_usd: "1400" };

/** A request that went well: admitted, settled in Redis, and its event to be delivered. */
async function finished() {
  const event = settledEvent();
  await bench.admit(event, abandonedOf(event));
  await bench.settle(event);
  return event;
}

/** A request whose gateway could not reach Redis in the end: only the queue knows how it went. */
async function unheard() {
  const event = settledEvent();
  await bench.admit(event, abandonedOf(event));
  return event;
}

describe("a batch of the queue", () => {
  // planted: no acknowledgement in Redis
  it("is written, acknowledged in Redis and counted once, however often it is delivered", async () => {
    const [one, other] = [await finished(), await finished()];
    const first = message([one, other, one]);
    await consume([first], bench.ledger);
    expect(first.verdict).toBe("acked");
    expect(await bench.due()).toEqual([]);
    const again = [message([other]), message([one])];
    await consume(again, bench.ledger);
    await Promise.all([consume([message([one, other])], bench.ledger), consume([message([other, one])], bench.ledger)]);
    expect(again.map(({ verdict }) => verdict)).toEqual(["acked", "acked"]);
    expect(await bench.rows(one.requestId)).toEqual({ request: SETTLED, charges: 1 });
    expect(await bench.counted()).toEqual({ all: 2, abandoned: 0 });
    expect(await bench.budget()).toEqual({ reserved: 0, spent: 2_800 });
  });

  // planted: one unreadable event retried the whole batch
  it("is not held up by a message that cannot be read", async () => {
    const good = await finished();
    const beside = await finished();
    const { costNanoUsd: _cost, ...broken } = settledEvent();
    const messages = [message([good]), message([broken, beside], 3), { ...message([]), body: "text" }];
    await consume(messages, bench.ledger);
    expect(messages[0]?.verdict).toBe("acked");
    expect(messages[1]?.verdict).toBe("retried after 8 s");
    expect((await bench.rows(good.requestId)).request).toEqual(SETTLED);
    expect((await bench.rows(beside.requestId)).request).toEqual(SETTLED);
    expect(bench.logged.map(({ reason }) => reason)).toEqual([
      "costNanoUsd: invalid_type",
      "the message is not one of events",
    ]);
  });

  // planted: a refused batch was retried as a whole
  it("is not held up by an event that Postgres refuses", async () => {
    const events = [await finished(), await finished(), await finished(), await finished(), await finished()];
    const strange = settledEvent({ startedAt: 8.64e15, endedAt: 8.64e15 });
    const [before, with_, after] = [message(events.slice(0, 2)), message([strange]), message(events.slice(2))];
    await consume([before, with_, after], bench.ledger);
    expect([before.verdict, with_.verdict, after.verdict]).toEqual(["acked", "retried after 2 s", "acked"]);
    for (const { requestId } of events) expect((await bench.rows(requestId)).request).toEqual(SETTLED);
    expect(await bench.due()).toEqual([]);
  });

  // planted: the batch booked in one piece
  it("is written at most 500 events a statement, all of them, and only the slice at fault is halved", async () => {
    const events = Array.from({ length: 1_201 }, () => settledEvent());
    const strange = settledEvent({ startedAt: 8.64e15, endedAt: 8.64e15 });
    const sizes: number[] = [];
    const rows: Ledger["rows"] = {
      write: async (slice) => {
        sizes.push(slice.length);
        return slice.includes(strange)
          ? { kind: "refused", code: "22008" }
          : { kind: "ok", value: { fresh: [], settledBefore: [] } };
      },
      settledEvents: async () => ({ kind: "ok", value: [] }),
    };
    const told: number[] = [];
    const { countersOf, log, now } = bench.ledger;
    const records: Ledger["records"] = Object.assign(Object.create(bench.ledger.records), {
      acknowledge: async (_tenant: string, written: readonly unknown[]) => {
        told.push(written.length);
        return { ok: true, value: written.map(() => "acknowledged") };
      },
    });
    const booking = await book([...events, strange], { rows, countersOf, log, now, records });
    expect(booking).toMatchObject({ kind: "booked", written: 1_201, poison: [{ event: strange }] });
    expect(sizes.slice(0, 3)).toEqual([500, 500, 202]);
    expect(told).toEqual([500, 500, 201]);
  });
});

describe("a batch of the queue while Postgres is unwell", () => {
  // planted: the message was acknowledged before the write was known
  it("comes again, later each time, and its records stay due until Postgres is back", async () => {
    const event = await finished();
    await bench.database.endpoint.control({ status: 503 });
    const [first, fifth, old] = [message([event]), message([event], 5), message([event], 60)];
    await consume([first, fifth, old], bench.ledger);
    expect([first, fifth, old].map(({ verdict }) => verdict)).toEqual([
      "retried after 2 s",
      "retried after 32 s",
      "retried after 300 s",
    ]);
    expect(await bench.due()).toEqual([event.requestId]);
    await bench.database.endpoint.control({});
    const again = message([event], 2);
    await consume([again], bench.ledger);
    expect([again.verdict, await bench.due()]).toEqual(["acked", []]);
    expect(await bench.rows(event.requestId)).toEqual({ request: SETTLED, charges: 1 });
  });

  it("is written once when the reply to the commit was lost", async () => {
    const event = await finished();
    await bench.database.endpoint.control({ dropReply: true, times: 1 });
    const [first, second] = [message([event]), message([event], 2)];
    await consume([first], bench.ledger);
    await consume([second], bench.ledger);
    expect([first.verdict, second.verdict]).toEqual(["retried after 2 s", "acked"]);
    expect(await bench.rows(event.requestId)).toEqual({ request: SETTLED, charges: 1 });
    expect(await bench.counted()).toEqual({ all: 1, abandoned: 0 });
  });
});

describe("a batch of the queue while Redis is unwell", () => {
  // planted: an outage of Redis threw, which would have retried the whole batch
  it("is written all the same, and acknowledged by the next sweep", async () => {
    const event = await finished();
    bench.redis.setFaults({ fault: "reset" });
    const sent = message([event]);
    await consume([sent], bench.ledger);
    expect(sent.verdict).toBe("acked");
    expect((await bench.rows(event.requestId)).request).toEqual(SETTLED);
    bench.redis.setFaults();
    expect(await bench.due()).toEqual([event.requestId]);
    expect(await sweep(bench.ledger)).toMatchObject({ written: 1 });
    expect(await bench.due()).toEqual([]);
    expect(await bench.counted()).toEqual({ all: 1, abandoned: 0 });
  });

  it("is counted once when the reply to the acknowledgement was lost", async () => {
    const event = await finished();
    bench.redis.setFaults({ fault: "loseReply", times: 1 });
    await consume([message([event])], bench.ledger);
    await sweep(bench.ledger);
    await consume([message([event])], bench.ledger);
    expect([await bench.due(), await bench.counted()]).toEqual([[], { all: 1, abandoned: 0 }]);
  });

  it("brings the rows back that a flush of Redis took from its records", async () => {
    const event = await finished();
    await bench.redis.control({ flush: true });
    await consume([message([event])], bench.ledger);
    expect((await bench.rows(event.requestId)).request).toEqual(SETTLED);
  });
});

describe("an event of whose end Redis has not heard", () => {
  // planted: `unsettled` was taken for acknowledged
  it("is settled by the ledger: nothing stays reserved, and the truth is spent", async () => {
    const event = await unheard();
    expect(await bench.budget()).toEqual({ reserved: 9_000, spent: 0 });
    await consume([message([event])], bench.ledger);
    expect(await bench.budget()).toEqual({ reserved: 0, spent: 1_400 });
    expect([await bench.due(), await bench.counted()]).toEqual([[], { all: 1, abandoned: 0 }]);
    await bench.settle(event);
    expect(await bench.budget()).toEqual({ reserved: 0, spent: 1_400 });
  });

  // planted: the abandoned event was acknowledged though Postgres held the settled one
  it("is settled with the truth when Redis was away at its delivery and its lease then ran out", async () => {
    const event = await unheard();
    bench.redis.setFaults({ fault: "hang" });
    await consume([message([event])], bench.ledger);
    bench.redis.setFaults();
    await bench.leaseOver();
    await sweep(bench.ledger);
    expect(await bench.budget()).toEqual({ reserved: 0, spent: 1_400 });
    expect(await bench.rows(event.requestId)).toEqual({ request: SETTLED, charges: 1 });
    expect([await bench.due(), await bench.counted()]).toEqual([[], { all: 1, abandoned: 0 }]);
  });

  it("needs no record where the request was refused, or admitted without Redis", async () => {
    const refused = settledEvent({
      outcome: "refused",
      failure: "caller_rate_limited",
      attempts: [],
      costNanoUsd: 0,
      status: 429,
    });
    const unleased = settledEvent({ unleased: true });
    const sent = message([refused, unleased]);
    await consume([sent], bench.ledger);
    expect([sent.verdict, await bench.due(), await bench.counted()]).toEqual(["acked", [], { all: 2, abandoned: 0 }]);
  });
});
