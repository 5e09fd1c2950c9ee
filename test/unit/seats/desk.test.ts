import { describe, expect, it } from "vitest";
import { type Caller, Desk, type Memory } from "../../../workers/seats/src/desk.ts";
import type { Ask, Parting, Word } from "../../../workers/seats/src/words.ts";

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
      const caller: Caller = { say: (word) => heard.push(word), hangUp: () => (hungUp = true) };
      desk.come(ask, caller);
      return {
        id,
        part: (parting: Parting) => desk.part(id, caller, parting),
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
  const { part } = opened.come();
  opened.pass(1_000);
  part("served");
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
    first.part("failed");
    pass(300);
    expect([second.last(), third.isSeated()]).toEqual([{ seated: true, probe: true }, false]);
    desk.hear(second.id, "answered");
    expect(third.last()).toEqual({ seated: true, probe: false });
    third.part("failed");
    pass(300);
    const fourth = come();
    expect(fourth.last()).toEqual({ seated: true, probe: true });
    expect(come().isSeated()).toBe(false);
  });

  it("is unknown again when nobody was answered for long", () => {
    const { come, pass } = warmDesk();
    const one = come();
    expect(one.last()).toEqual({ seated: true, probe: false });
    one.part("served");
    pass(RULES.coldAfterMs);
    expect(come().last()).toEqual({ seated: true, probe: true });
  });
});

describe("a seat", () => {
  // planted: given to the next while the backend still works for the one who left
  it("stays taken for a moment where the backend was told to stop", () => {
    const { come, pass } = warmDesk();
    const [first] = [come(), come()];
    const third = come();
    first.part("stopped");
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
    const { come } = warmDesk();
    const wide = come({ seats: 2 });
    const next = come();
    expect([wide.isSeated(), next.isSeated()]).toEqual([true, false]);
    wide.part("served");
    expect(next.isSeated()).toBe(true);
  });
});

describe("who waits", () => {
  // planted: places told once; an estimate that does not fall
  it("is told its place, and how long about, whenever it changes: it falls", () => {
    const { come, pass } = warmDesk();
    const sitting = [come(), come()];
    const waiting = Array.from({ length: 6 }, () => come());
    const last = waiting.at(-1);
    for (const next of [...sitting, ...waiting.slice(0, 5)]) {
      pass(1_000);
      next.part("served");
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
    leaver.part("left");
    expect(desk.state().waiting).toBe(1);
    sitting[0]?.part("served");
    expect([leaver.isSeated(), stayer.isSeated()]).toEqual([false, true]);
    leaver.part("left");
    expect(desk.state()).toMatchObject({ taken: 2, waiting: 0 });
  });

  // planted: counted from the desk's beginning; the shortest wait kept
  it("is counted by the seats that are given back meanwhile", () => {
    const { come, desk } = warmDesk();
    const sitting = [come(), come()];
    const free = [come({ rank: 10 }), come({ rank: 10 })];
    for (const one of sitting) {
      come({ rank: -10 });
      one.part("served");
    }
    const better = come({ rank: -10 });
    better.part("left");
    expect(desk.state().outwaited).toEqual({ "-10": 1, "0": 0 });
    for (const { part } of free) part("left");
    const last = come({ rank: 10 });
    expect(desk.state().outwaited["10"]).toBeUndefined();
    last.part("left");
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

describe("a request whose socket is opened again", () => {
  // planted: a seat that is due to be free is freed whoever sits there by then; who comes again sits a second time
  it("keeps its one seat, where the desk saw the old socket go", () => {
    const { come, desk, pass } = warmDesk();
    const old = come({ id: "one" });
    old.part("stopped");
    const again = come({ id: "one", sits: true });
    expect(desk.state().taken).toBe(1);
    pass(1_000);
    expect(desk.state().taken).toBe(1);
    again.part("served");
    expect([desk.state().taken, desk.isEmpty]).toEqual([0, true]);
  });

  // planted: the old socket's end taken for the request's
  it("keeps its one seat, where the desk sees the old socket go later", () => {
    const { come, desk, pass } = warmDesk();
    const old = come({ id: "one" });
    const again = come({ id: "one", sits: true });
    expect([old.isGone(), again.isGone(), desk.state().taken]).toEqual([true, false, 1]);
    old.part("stopped");
    pass(1_000);
    expect(desk.state().taken).toBe(1);
    again.part("served");
    expect([desk.state().taken, desk.isEmpty]).toEqual([0, true]);
  });

  // planted: who waits waits twice
  it("waits once, and is the one who is seated", () => {
    const { come, desk } = warmDesk();
    const sitting = [come(), come()];
    const old = come({ id: "one" });
    const again = come({ id: "one", waitedMs: 100 });
    expect(desk.state()).toMatchObject({ taken: 2, waiting: 1 });
    old.part("stopped");
    expect(desk.state()).toMatchObject({ taken: 2, waiting: 1 });
    for (const { part } of sitting) part("served");
    expect([old.isSeated(), again.isSeated()]).toEqual([false, true]);
    again.part("served");
    expect([desk.state(), desk.isEmpty]).toEqual([expect.objectContaining({ taken: 0, waiting: 0 }), true]);
    expect(come().isSeated()).toBe(true);
  });

  // planted: a seat whose word was lost stays taken; a probe that nobody makes
  it("is seated anew where it never heard that it sat", () => {
    const { come, desk, pass } = openDesk();
    const old = come({ id: "one" });
    expect(old.last()).toEqual({ seated: true, probe: true });
    old.part("stopped");
    const again = come({ id: "one", waitedMs: 100 });
    expect([again.last(), desk.state().taken]).toEqual([{ seated: true, probe: true }, 1]);
    pass(1_000);
    expect([come().isSeated(), desk.state().taken]).toEqual([false, 1]);
    desk.hear("one", "answered");
    expect(desk.state().taken).toBe(2);
  });

  // planted: who sits again no longer finds out, and a second one is let in
  it("goes on finding out whether the backend is up", () => {
    const { come, desk } = openDesk();
    come({ id: "one" });
    come({ id: "one", sits: true });
    const next = come();
    expect(next.last()).toEqual({ place: 1 });
    desk.hear("one", "answered");
    expect(next.last()).toEqual({ seated: true, probe: false });
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
    for (const { part } of again.slice(0, 2)) part("served");
    expect(newcomer.isSeated()).toBe(true);
  });

  it("does not wait where nobody sat, and knows that the backend was up", () => {
    const { come } = openDesk({ busyUntil: 999_999, warmAt: 990_000 });
    expect(come().last()).toEqual({ seated: true, probe: false });
  });

  // planted: their time in the queue forgotten
  it("keeps the order of those who waited", () => {
    const { come } = openDesk({ busyUntil: 0, warmAt: 999_999 });
    const sitting = [come({ sits: true }), come({ sits: true })];
    const [second, first] = [come({ waitedMs: 1_000 }), come({ waitedMs: 5_000 })];
    sitting[0]?.part("served");
    expect([first?.isSeated(), second?.isSeated()]).toEqual([true, false]);
  });
});
