import { describe, expect, it } from "vitest";
import { Desk, type Memory } from "../../../workers/seats/src/desk.ts";
import type { Ask, Word } from "../../../workers/seats/src/words.ts";

const RULES = { count: 2, queue: 10, lowerShare: 0.1, coldAfterMs: 240_000 };

/** A desk in a time of its own. */
function openDesk(memory: Memory = { busyUntil: 0, warmAt: 0 }, from = 1_000_000) {
  let now = from;
  let kept = memory;
  let alarms: { readonly at: number; readonly ring: () => void }[] = [];
  const desk = new Desk({
    now: () => now,
    after: (delayMs, ring) => alarms.push({ at: now + delayMs, ring }),
    memory,
    keep: (words) => {
      kept = words;
    },
  });
  let made = 0;
  return {
    desk,
    now: () => now,
    kept: () => kept,
    /** Time passes, with the desk's ticks. */
    pass(ms: number) {
      for (const end = now + ms; now < end; ) {
        now += 50;
        const due = alarms.filter(({ at }) => at <= now);
        alarms = alarms.filter(({ at }) => at > now);
        for (const { ring } of due) ring();
        if (now % 250 === 0) desk.tick();
      }
    },
    /** Somebody comes; what they are told is kept. */
    come(more: Partial<Ask> = {}) {
      const heard: Word[] = [];
      let hungUp = false;
      const id = more.id ?? `r${++made}`;
      const ask: Ask = {
        id,
        tenant: "a",
        rank: 0,
        seats: 1,
        patienceMs: 30_000,
        waitedMs: 0,
        sits: false,
        leaseMs: 60_000,
        rules: RULES,
        ...more,
      };
      desk.come(ask, { say: (word) => heard.push(word), hangUp: () => (hungUp = true) });
      return {
        id,
        heard,
        last: () => heard.findLast((word) => !("ping" in word)),
        isSeated: () => heard.some((word) => "seated" in word),
        isGone: () => hungUp,
        places: () => heard.flatMap((word) => ("place" in word ? [word.place] : [])),
      };
    },
  };
}

type Opened = ReturnType<typeof openDesk>;

/** A desk whose backend has just answered, with answers of a second. */
function warmDesk(): Opened {
  const opened = openDesk();
  const { id } = opened.come();
  opened.pass(1_000);
  opened.desk.part(id, "served");
  return opened;
}

describe("whether the backend is up", () => {
  // planted: as many seated as there are seats; the next one let in before the first was answered
  it("is found out by one, while the others wait", () => {
    const { come, desk } = openDesk();
    const [first, second] = [come(), come()];
    expect([first.last(), second.last()]).toEqual([{ seated: true, probe: true }, { place: 1 }]);
    desk.hear(first.id, "answered");
    expect(second.last()).toEqual({ seated: true, probe: false });
  });

  // planted: a probe that fails leaves the desk shut; a failure that is forgotten with its request
  it("is found out by the next where the first fails, and anew after a failure", () => {
    const { come, desk, pass } = openDesk();
    const [first, second, third] = [come(), come(), come()];
    desk.part(first.id, "failed");
    pass(300);
    expect([second.last(), third.isSeated()]).toEqual([{ seated: true, probe: true }, false]);
    desk.hear(second.id, "answered");
    expect(third.last()).toEqual({ seated: true, probe: false });
    desk.part(third.id, "failed");
    pass(300);
    const fourth = come();
    expect(fourth.last()).toEqual({ seated: true, probe: true });
    expect(come().isSeated()).toBe(false);
  });

  it("is unknown again when nobody was answered for long", () => {
    const { come, desk, pass } = warmDesk();
    const one = come();
    expect(one.last()).toEqual({ seated: true, probe: false });
    desk.part(one.id, "served");
    pass(RULES.coldAfterMs);
    expect(come().last()).toEqual({ seated: true, probe: true });
  });
});

describe("a seat", () => {
  // planted: given to the next while the backend still works for the one who left
  it("stays taken for a moment where the backend was told to stop", () => {
    const { come, desk, pass } = warmDesk();
    const [first] = [come(), come()];
    const third = come();
    desk.part(first.id, "stopped");
    expect(third.isSeated()).toBe(false);
    pass(300);
    expect(third.isSeated()).toBe(true);
  });

  // planted: no lease; no look at who is still there
  it("is taken away from those who keep it too long, or are not there any more", () => {
    const { come, desk, pass } = warmDesk();
    const tooLong = come({ leaseMs: 5_000 });
    const gone = come();
    const [third, fourth] = [come(), come()];
    for (let second = 0; second < 6; second++) {
      pass(1_000);
      for (const { id } of [tooLong, third, fourth]) desk.hear(id, ".");
    }
    expect([tooLong.isGone(), third.isSeated(), fourth.isSeated()]).toEqual([true, true, false]);
    for (let second = 0; second < 12; second++) {
      pass(1_000);
      for (const { id } of [third, fourth]) desk.hear(id, ".");
    }
    expect([gone.isGone(), fourth.isSeated()]).toEqual([true, true]);
    expect(gone.heard).toContainEqual({ ping: true });
  });

  it("may be several, for an answer of several choices", () => {
    const { come, desk } = warmDesk();
    const wide = come({ seats: 2 });
    const next = come();
    expect([wide.isSeated(), next.isSeated()]).toEqual([true, false]);
    desk.part(wide.id, "served");
    expect(next.isSeated()).toBe(true);
  });
});

describe("who waits", () => {
  // planted: places told once; an estimate that does not fall
  it("is told its place, and how long about, whenever it changes: it falls", () => {
    const { come, desk, pass } = warmDesk();
    const sitting = [come(), come()];
    const waiting = Array.from({ length: 6 }, () => come());
    const last = waiting.at(-1);
    for (const next of [...sitting, ...waiting.slice(0, 5)]) {
      pass(1_000);
      desk.part(next.id, "served");
    }
    expect(last?.heard.filter((word) => "place" in word)).toEqual(
      [6, 5, 4, 3, 2, 1].map((place) => ({ place, aboutMs: expect.any(Number) })),
    );
    const abouts = last?.heard.flatMap((word) => ("place" in word ? [word.aboutMs ?? 0] : [])) ?? [];
    expect(abouts).toEqual([...abouts].sort((a, b) => b - a));
    expect(abouts[0]).toBe(3_000);
    expect(last?.isSeated()).toBe(true);
  });

  // planted: patience looked at only when it is over; a retry that says nothing of the queue
  it("need not begin where it would take too long, and is told when to come again", () => {
    const { come, pass } = warmDesk();
    const sitting = [come(), come()];
    expect(sitting.every((one) => one.isSeated())).toBe(true);
    const patient = come({ patienceMs: 600 });
    expect(patient.last()).toEqual({ place: 1, aboutMs: 500 });
    const hasty = come({ patienceMs: 600 });
    expect([hasty.last(), hasty.isGone()]).toEqual([{ refused: "wait", retryAfterMs: 1_000 }, true]);
    const now = come({ patienceMs: 0 });
    expect(now.last()).toMatchObject({ refused: "wait" });
    pass(1_000);
    expect(patient.last()).toMatchObject({ refused: "wait" });
  });

  // planted: a departure that leaves its place behind
  it("may leave at any time", () => {
    const { come, desk } = warmDesk();
    const sitting = [come(), come()];
    const [leaver, stayer] = [come(), come()];
    desk.part(leaver.id, "left");
    expect(desk.state().waiting).toBe(1);
    desk.part(sitting[0]?.id ?? "", "served");
    expect([leaver.isSeated(), stayer.isSeated()]).toEqual([false, true]);
    desk.part(leaver.id, "left");
    expect(desk.state()).toMatchObject({ taken: 2, waiting: 0 });
  });

  it("makes room for a better tier, and is told so", () => {
    const { come } = warmDesk();
    const rules = { ...RULES, queue: 1 };
    const sitting = [come({ rules }), come({ rules })];
    expect(sitting.every((one) => one.isSeated())).toBe(true);
    const free = come({ rules, rank: 10 });
    const better = come({ rules, rank: -10 });
    expect([free.last(), free.isGone()]).toEqual([{ refused: "shed", retryAfterMs: expect.any(Number) }, true]);
    expect(better.places()).toEqual([1]);
    expect(come({ rules, rank: 10 }).last()).toMatchObject({ refused: "full" });
  });
});

describe("a desk that is opened anew", () => {
  // planted: seats given at once; who sits counted only when it asks
  it("waits for those who sit to say so, where its predecessor was busy", () => {
    const before = warmDesk();
    before.come();
    before.pass(31_000);
    const { come, desk, pass } = openDesk(before.kept(), before.now());
    const newcomer = come();
    const again = [come({ sits: true }), come({ sits: true }), come({ sits: true })];
    pass(2_000);
    expect([newcomer.isSeated(), desk.state()]).toEqual([false, expect.objectContaining({ taken: 3, waiting: 1 })]);
    for (const { id } of again.slice(0, 2)) desk.part(id, "served");
    expect(newcomer.isSeated()).toBe(true);
  });

  it("does not wait where nobody sat, and knows that the backend was up", () => {
    const { come } = openDesk({ busyUntil: 999_999, warmAt: 990_000 });
    expect(come().last()).toEqual({ seated: true, probe: false });
  });

  // planted: their time in the queue forgotten
  it("keeps the order of those who waited", () => {
    const { come, desk } = openDesk({ busyUntil: 0, warmAt: 999_999 });
    const sitting = [come({ sits: true }), come({ sits: true })];
    const [second, first] = [come({ waitedMs: 1_000 }), come({ waitedMs: 5_000 })];
    desk.part(sitting[0]?.id ?? "", "served");
    expect([first?.isSeated(), second?.isSeated()]).toEqual([true, false]);
  });
});
