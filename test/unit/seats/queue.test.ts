import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Asking } from "../../../workers/seats/src/line.ts";
import { SeatQueue, type SeatRules } from "../../../workers/seats/src/queue.ts";

const RULES: SeatRules = { count: 4, queue: 1_000, lowerShare: 0.1 };
const [ENTERPRISE, STANDARD, FREE] = [-10, 0, 10] as const;

let made = 0;
function asking(rank: number, tenant: string, more: Partial<Asking> = {}): Asking {
  made += 1;
  return { id: `r${made}`, rank, tenant, seats: 1, since: made, ...more };
}

function queueOf(rules: Partial<SeatRules> = {}): SeatQueue {
  return new SeatQueue({ ...RULES, ...rules });
}

/** Seats them one at a time, each leaving before the next sits. */
function drained(queue: SeatQueue): readonly Asking[] {
  const order: Asking[] = [];
  for (;;) {
    const { seated } = queue.advance(0, 1);
    const [next] = seated;
    if (!next) return order;
    order.push(next);
    queue.release(next.id, 0, true);
  }
}

const rank = fc.constantFrom(ENTERPRISE, STANDARD, FREE);
const tenant = fc.constantFrom("a", "b", "c", "d");
const seats = fc.oneof(
  { weight: 4, arbitrary: fc.constant(1) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 6 }) },
);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ does: fc.constant("ask" as const), rank, tenant, seats }) },
  { weight: 3, arbitrary: fc.record({ does: fc.constant("release" as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant("leave" as const), which: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant("limit" as const), to: fc.integer({ min: 1, max: 8 }) }) },
);

describe("whoever comes, whoever goes", () => {
  // planted: a release that gives back one seat whatever was taken; the queue's limit not looked at; a loser that is shed and still seated;
  // whoever wants more than there are now counted as those that there are
  it("never seats more than there are, never lets more wait than may, and loses nobody", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), fc.integer({ min: 0, max: 12 }), (steps, limit) => {
        const queue = queueOf({ queue: limit });
        const waiting = new Map<string, Asking>();
        const sitting = new Map<string, number>();
        let count = RULES.count;
        for (const one of steps) {
          if (one.does === "ask") {
            const newcomer = asking(one.rank, one.tenant, { seats: one.seats });
            if (queue.ask(newcomer, queue.hasRoomFor(newcomer)).kind === "waiting") waiting.set(newcomer.id, newcomer);
          } else if (one.does === "limit") {
            queue.limit = one.to;
            count = Math.min(RULES.count, one.to);
          } else {
            const among = [...(one.does === "release" ? sitting : waiting).keys()];
            const id = among[one.which % Math.max(1, among.length)];
            if (id === undefined) continue;
            if (one.does === "release") queue.release(id, 0, true);
            else queue.leave(id);
            sitting.delete(id);
            waiting.delete(id);
          }
          const takenBefore = [...sitting.values()].reduce((sum, taken) => sum + taken, 0);
          const { seated, shed } = queue.advance(0);
          for (const { id } of shed) expect(waiting.delete(id)).toBe(true);
          for (const { id, seats: wanted } of seated) {
            expect(waiting.delete(id)).toBe(true);
            sitting.set(id, Math.min(wanted, RULES.count));
          }
          const taken = [...sitting.values()].reduce((sum, own) => sum + own, 0);
          expect(queue.taken).toBe(taken);
          if (seated.length > 0 && sitting.size > 1) expect(taken).toBeLessThanOrEqual(count);
          else if (seated.length > 0) expect(taken).toBeLessThanOrEqual(RULES.count);
          else expect(taken).toBe(takenBefore);
          expect(queue.waiting).toBe(waiting.size);
          expect(waiting.size).toBeLessThanOrEqual(limit);
          expect(
            queue
              .order()
              .map(({ id }) => id)
              .sort(),
          ).toEqual([...waiting.keys()].sort());
          // Nobody waits for nothing: the first needs more than is free.
          const [first] = queue.order();
          if (first) expect(taken + Math.min(first.seats, count)).toBeGreaterThan(count);
        }
      }),
      { numRuns: 300 },
    );
  });

  // planted: the order told without the credits that the lower tiers have; `commit` on a copy that shares its lists with the original
  it("tells the order in which they sit", () => {
    const arrivals = fc.array(fc.record({ rank, tenant }), { minLength: 30, maxLength: 80 });
    fc.assert(
      fc.property(arrivals, fc.nat(20), (wishes, before) => {
        const queue = queueOf({ count: 1 });
        for (const wish of wishes) queue.ask(asking(wish.rank, wish.tenant), false);
        for (let served = 0; served < before; served++) {
          for (const { id } of queue.advance(0, 1).seated) queue.release(id, 0, true);
        }
        const told = queue.order();
        expect(drained(queue)).toEqual(told);
      }),
    );
  });

  // planted: the newest first; a tenant that stays at the head while it has requests
  it("lets the tenants of a tier take turns, each with its own in order", () => {
    const arrivals = fc.array(tenant, { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(arrivals, (tenants) => {
        const queue = queueOf({ count: 1 });
        for (const name of tenants) queue.ask(asking(FREE, name), false);
        const order = drained(queue);
        for (const name of new Set(tenants)) {
          const own = order.filter((one) => one.tenant === name);
          expect(own).toEqual([...own].sort((a, b) => a.since - b.since));
        }
        // Between two turns of one tenant every other that still waits has had one.
        for (const [index, { tenant: name }] of order.entries()) {
          const again = order.findIndex((one, later) => later > index && one.tenant === name);
          if (again < 0) continue;
          const others = new Set(order.slice(again).map((one) => one.tenant));
          const between = order.slice(index, again).map((one) => one.tenant);
          for (const other of others) expect(between).toContain(other);
        }
      }),
    );
  });

  // planted: no credit for the lower tiers; credits counted only for the seats that others got (a tenth becomes an eleventh)
  it("gives each lower tier its tenth while better ones wait, and the rest to the best", () => {
    const queue = queueOf({ count: 1 });
    for (const tier of [ENTERPRISE, STANDARD, FREE]) {
      for (let each = 0; each < 200; each++) queue.ask(asking(tier, `t${each % 5}`), false);
    }
    const first = drained(queue).slice(0, 201);
    const of = (tier: number) => first.filter((one) => one.rank === tier).length;
    expect([of(ENTERPRISE), of(STANDARD), of(FREE)]).toEqual([161, 20, 20]);
    for (let from = 0; from + 10 <= first.length; from++) {
      expect(first.slice(from, from + 11).some((one) => one.rank === FREE)).toBe(true);
    }
  });

  it("keeps half of the seats for the best tier, however many wait below", () => {
    const queue = queueOf({ count: 1, lowerShare: 0.5 });
    for (let tier = 0; tier < 20; tier++) {
      for (let each = 0; each < 20; each++) queue.ask(asking(tier, "t"), false);
    }
    const first = drained(queue).slice(0, 40);
    expect(first.filter((one) => one.rank === 0).length).toBe(20);
  });
});

describe("a full queue", () => {
  function full(waiters: readonly Asking[]): SeatQueue {
    const queue = queueOf({ count: 1, queue: waiters.length });
    const first = asking(ENTERPRISE, "z");
    queue.ask(first, true);
    queue.advance(0);
    for (const waiter of waiters) queue.ask(waiter, false);
    return queue;
  }
  const shedBy = (queue: SeatQueue, newcomer: Asking) => {
    const { kind } = queue.ask(newcomer, false);
    return { kind, shed: queue.advance(0).shed };
  };

  // planted: the newcomer refused whatever its tier; the oldest shed; the middle tier shed before the lowest
  it("sheds the lowest tier first, there the newest of the tenant with the most", () => {
    const [one, two, three, four] = [asking(FREE, "a"), asking(FREE, "b"), asking(FREE, "b"), asking(STANDARD, "c")];
    const queue = full([one, two, three, four]);
    expect(shedBy(queue, asking(ENTERPRISE, "d"))).toEqual({ kind: "waiting", shed: [three] });
    expect(shedBy(queue, asking(FREE, "e")).kind).toBe("full");
    expect(shedBy(queue, asking(STANDARD, "e"))).toMatchObject({ kind: "waiting", shed: [{ rank: FREE }] });
  });

  // planted: within a tier nobody makes room, so that one tenant can keep the others out
  it("lets no tenant keep the others of its tier out", () => {
    const greedy = Array.from({ length: 6 }, () => asking(FREE, "greedy"));
    const queue = full(greedy);
    expect(shedBy(queue, asking(FREE, "modest"))).toEqual({ kind: "waiting", shed: [greedy[5]] });
    expect(shedBy(queue, asking(FREE, "greedy")).kind).toBe("full");
  });

  // planted: a better tier's burst takes every place of the lower ones
  it("leaves each tier its share of the places", () => {
    const queue = full(Array.from({ length: 20 }, (_, index) => asking(FREE, `t${index}`)));
    for (let each = 0; each < 30; each++) queue.ask(asking(STANDARD, `s${each}`), false);
    expect(queue.order().filter((one) => one.rank === FREE)).toHaveLength(2);
  });
});

// planted: requests that are asked anew put behind those that came meanwhile
it("keeps the order of those who have to ask again", () => {
  const queue = queueOf({ count: 1 });
  const asked = [asking(FREE, "a"), asking(FREE, "a"), asking(FREE, "a")];
  for (const one of asked.toReversed()) queue.ask(one, false);
  expect(drained(queue)).toEqual(asked);
});
