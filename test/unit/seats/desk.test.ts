import { describe, expect, it } from "vitest";
import { openDesk, RULES, warmDesk } from "../../support/desk.ts";

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

describe("the time that a model took to load", () => {
  const fill = (opened: ReturnType<typeof openDesk>) => [opened.come(), opened.come()];

  // planted: the probe's time counted from when it sat (the next caller is told to come again in 60 s)
  it("says nothing of how long others will sit: the probe's is counted from its first token", () => {
    const opened = openDesk();
    const probe = opened.come({ patienceMs: 200_000, leaseMs: 200_000 });
    for (let second = 0; second < 120; second++) {
      opened.pass(1_000);
      opened.desk.hear(probe.id, ".");
    }
    opened.desk.hear(probe.id, "answered");
    opened.pass(3_000);
    probe.part("served");
    expect(opened.desk.state().serviceMs).toBe(3_000);
    fill(opened);
    expect(opened.come({ patienceMs: 20_000 }).last()).toEqual({ place: 1, aboutMs: 1_500 });
  });

  // planted: as above; a probe without a first token counted from its end (everybody about 0 ms)
  it("nor where no first token was seen, as of an answer that comes whole", () => {
    const opened = openDesk();
    const probe = opened.come();
    opened.pass(9_000);
    probe.part("served");
    expect(opened.desk.state()).not.toHaveProperty("serviceMs");
    const [one] = fill(opened);
    expect(opened.come({ patienceMs: 500 }).last()).toEqual({ place: 1 });
    opened.pass(1_000);
    one?.part("served");
    expect(opened.desk.state().serviceMs).toBe(1_000);
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

  // planted: `wait` in any case; `full` in any case
  it("without patience: is told whether it could wait at all", () => {
    const { come } = warmDesk();
    const rules = { ...RULES, queue: 1 };
    for (let each = 0; each < 2; each++) come({ rules });
    expect(come({ rules, patienceMs: 0 }).last()).toEqual({ refused: "wait", retryAfterMs: 500 });
    expect(come({ rules: { ...RULES, queue: 0 }, patienceMs: 0 }).last()).toMatchObject({ refused: "full" });
    const waiting = come({ rules, rank: 10 });
    expect(come({ rules, rank: 10, patienceMs: 0 }).last()).toMatchObject({ refused: "full" });
    // It would wait in the other's place.
    expect(come({ rules, rank: -10, patienceMs: 0 }).last()).toMatchObject({ refused: "wait" });
    expect(waiting.isGone()).toBe(false);
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
