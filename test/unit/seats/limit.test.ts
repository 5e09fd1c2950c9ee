import { describe, expect, it, test } from "vitest";
import type { BackendLoad } from "../../../src/core/load.ts";
import { SeatLimit } from "../../../workers/seats/src/limit.ts";
import { RULES, warmDesk } from "../../support/desk.ts";

const EVERY_MS = 15_000;
const COUNT = 8;

/** A limit that hears of one reading after another. */
function limited() {
  const limit = new SeatLimit();
  let now = 1_000_000;
  return {
    /** Seats that are left after a reading. */
    hear(load: Partial<BackendLoad>, taken = COUNT): number {
      now += EVERY_MS;
      const fresh = { readAt: now, freshUntil: now + 3 * EVERY_MS };
      limit.learn({ up: true, ...fresh, ...load }, 0.95, { taken, count: COUNT });
      return limit.at(now);
    },
    later: (ms: number) => limit.at(now + ms),
  };
}
const ALL = Number.POSITIVE_INFINITY;

describe("the seats that a backend's own word leaves", () => {
  // planted: one fewer, however many wait; counted from the rules and not from those who sit
  it("are at once fewer by those who wait there, from those that are taken", () => {
    expect(limited().hear({ waiting: 3 })).toBe(5);
    expect(limited().hear({ waiting: 1 }, 4)).toBe(3);
    expect(limited().hear({ waiting: 0, kvCache: 0.95 })).toBe(7);
    expect(limited().hear({ waiting: 0, kvCache: 0.949 })).toBe(ALL);
  });

  // planted: no floor
  it("are one at least", () => {
    expect(limited().hear({ waiting: 50 })).toBe(1);
    expect(limited().hear({ kvCache: 1 }, 0)).toBe(1);
  });

  // planted: less at every reading
  it("are not fewer yet while those sit who were to go", () => {
    const { hear } = limited();
    expect(hear({ waiting: 3 })).toBe(5);
    expect(hear({ waiting: 3 }, 8)).toBe(5);
    expect(hear({ waiting: 3 }, 6)).toBe(5);
    expect(hear({ waiting: 3 }, 5)).toBe(2);
  });

  // planted: all back at the first reading that is not crowded
  it("come back one with each reading", () => {
    const { hear } = limited();
    expect(hear({ waiting: 4 })).toBe(4);
    const left = Array.from({ length: 4 }, () => hear({ waiting: 0, kvCache: 0.5 }, 4));
    expect(left).toEqual([5, 6, 7, ALL]);
  });

  // planted: down taken for empty; what it does not tell taken for none
  it("stay as they are where it says nothing of them, or is down", () => {
    const { hear } = limited();
    expect(hear({ waiting: 4 })).toBe(4);
    expect(hear({})).toBe(4);
    expect(hear({ up: false, waiting: 0 })).toBe(4);
    // And that was long ago.
    expect(hear({ running: 3 })).toBe(ALL);
  });

  // planted: kept for ever
  it("are all there once nobody knows", () => {
    const { hear, later } = limited();
    expect(hear({ waiting: 4 })).toBe(4);
    expect([later(3 * EVERY_MS - 1), later(3 * EVERY_MS)]).toEqual([4, ALL]);
    expect(hear({ waiting: 0 })).toBe(5);
  });
});

// Who uses the GPU beside the gateway takes two of its four sequences for two minutes.
// planted: one back at once after each crowded reading
test("settle where nobody waits at the backend, and come back when the others leave", () => {
  const { hear } = limited();
  const serves = 10;
  let seats = COUNT;
  const others = [4, 4, 4, 4, 4, 4, 0, 0, 0, 0];
  const told = others.map((many) => {
    // Full, all the time: everybody who may sit does.
    seats = Math.min(COUNT, hear({ waiting: Math.max(0, seats + many - serves) }, seats));
    return seats;
  });
  expect(told).toEqual([6, 7, 6, 7, 6, 7, 8, 8, 8, 8]);
});

describe("a desk whose backend is fuller than it should be", () => {
  const load = (waiting: number, at: number): BackendLoad => ({
    up: true,
    waiting,
    readAt: at,
    freshUntil: at + 10_000,
  });

  // planted: the limit looked at by nobody
  it("gives fewer seats, tells longer waits, and sends nobody away", () => {
    const { come, desk, now } = warmDesk();
    const rules = { ...RULES, count: 4 };
    const sitting = Array.from({ length: 4 }, () => come({ rules }));
    const [next, last] = [come({ rules }), come({ rules })];
    expect(next.last()).toEqual({ place: 1, aboutMs: 250 });
    desk.learn(load(2, now()), 0.95);
    expect(desk.standing()).toEqual({ count: 4, limit: 2, taken: 4, waiting: { "0": 2 } });
    const third = come({ rules });
    expect(third.last()).toEqual({ place: 3, aboutMs: 1_500 });
    third.part("left");
    for (const { part } of sitting.slice(0, 2)) part("served");
    expect([sitting.some((one) => one.isGone()), next.isSeated()]).toEqual([false, false]);
    sitting[2]?.part("served");
    expect([next.isSeated(), last.isSeated()]).toEqual([true, false]);
  });

  // planted: seats given back only when the next one leaves; stale readings that go on counting
  it("gives them again with a better reading, and when there is none any more", () => {
    const { come, desk, now, pass } = warmDesk();
    const sitting = [come(), come()];
    const waiting = [come(), come()];
    desk.learn(load(1, now()), 0.95);
    sitting[0]?.part("served");
    expect(waiting[0]?.isSeated()).toBe(false);
    desk.learn(load(0, now() + 1), 0.95);
    expect(waiting[0]?.isSeated()).toBe(true);
    desk.learn(load(1, now() + 2), 0.95);
    sitting[1]?.part("served");
    expect(waiting[1]?.isSeated()).toBe(false);
    pass(10_500);
    expect(waiting[1]?.isSeated()).toBe(true);
  });
});
