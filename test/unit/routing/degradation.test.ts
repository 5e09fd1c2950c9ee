import { describe, expect, test } from "vitest";
import type { Degradation } from "../../../src/core/degradation.ts";
import {
  atFull,
  EMPTY_TALLY,
  type Evidence,
  type Health,
  isFailing,
  type LevelMemory,
  nextLevel,
  tallied,
} from "../../../src/routing/degradation.ts";

const RULES: Degradation = {
  reduced: { use: ["small"] },
  emergency: {},
  upAfterMs: 60_000,
  errorRate: { share: 0.5, windowMs: 30_000, minimum: 4 },
};
const { reduced: _reduced, ...NO_REDUCED } = RULES;
const { emergency: _emergency, ...NO_EMERGENCY } = RULES;

const WELL: Evidence = { full: "well", reduced: "well", fallbacks: "well", failing: false };
const DEAD: Evidence = { full: "unwell", reduced: "unwell", fallbacks: "unwell", failing: false };

/** What is seen second by second, and the changes of level that it leads to. */
function changes(rules: Degradation, seconds: number, seen: (second: number) => Partial<Evidence>): string[] {
  let memory: LevelMemory = atFull(rules, 0);
  const told: string[] = [];
  for (let second = 0; second < seconds; second++) {
    const next = nextLevel(memory, { ...WELL, ...seen(second) }, rules, second * 1_000);
    if (next.level !== memory.level) told.push(`${second}:${next.level}`);
    memory = next;
  }
  return told;
}

const during = (from: number, to: number, then: Partial<Evidence>) => (second: number) =>
  second >= from && second < to ? then : {};

describe("the level of a route", () => {
  // planted: up as soon as it is well; down only after upAfterMs
  test("goes down at once, and up again only after it has been well for long enough", () => {
    expect(changes(RULES, 300, during(10, 40, { full: "unwell" }))).toEqual(["10:reduced", "99:full"]);
  });

  // planted: from an emergency to full in one step; each of the three counted as one
  test("goes down past a level that is unwell itself, and up one at a time", () => {
    expect(changes(RULES, 300, during(10, 40, DEAD))).toEqual(["10:emergency", "99:reduced", "159:full"]);
    expect(changes(RULES, 300, during(10, 40, { ...DEAD, fallbacks: "well" }))).toEqual(["10:reduced", "99:full"]);
    expect(changes(NO_EMERGENCY, 300, during(10, 40, DEAD))).toEqual(["10:reduced", "99:full"]);
    expect(changes(NO_REDUCED, 300, during(10, 40, DEAD))).toEqual(["10:emergency", "99:full"]);
    expect(changes(NO_REDUCED, 300, during(10, 40, { full: "unwell" }))).toEqual([]);
  });

  // planted: what is unsure taken for well, and for unwell
  test("stays where it is while nobody knows", () => {
    expect(changes(RULES, 300, () => ({ full: "unsure" }))).toEqual([]);
    const seen = (second: number) => ({ full: (second < 10 ? "unwell" : second < 200 ? "unsure" : "well") as Health });
    expect(changes(RULES, 400, seen)).toEqual(["0:reduced", "259:full"]);
  });

  // planted: the time well counted from when the level began
  test("does not flap: one that is well every other second never comes back", () => {
    expect(changes(RULES, 1_000, (second) => ({ full: second % 2 === 0 ? "unwell" : "well" }))).toEqual(["0:reduced"]);
  });

  // planted: a relapse waits no longer; the long wait kept for ever
  test("waits twice as long after each relapse, eight times at most, and as before once it held", () => {
    let brokenUntil = 0;
    let memory = atFull(RULES, 0);
    const risen: number[] = [];
    for (let second = 1; second < 4_000; second++) {
      const full: Health = second <= brokenUntil || second < 5 ? "unwell" : "well";
      const next = nextLevel(memory, { ...WELL, full }, RULES, second * 1_000);
      if (next.level === "full" && memory.level !== "full") {
        risen.push(second);
        brokenUntil = second + 1;
      }
      memory = next;
    }
    const gaps = risen.slice(1, 6).map((second, index) => second - (risen[index] ?? 0));
    expect(gaps.map((gap) => Math.round(gap / 60))).toEqual([2, 4, 8, 8, 8]);
    const held = nextLevel(
      { ...memory, level: "full", rose: true, since: 4_000_000 },
      { ...WELL, full: "unwell" },
      RULES,
      5_000_000,
    );
    expect(held.waitMs).toBe(60_000);
  });

  // planted: failing requests count for nothing; they lead down from an emergency too
  test("goes down when requests fail, whatever breakers say, one level at a time", () => {
    expect(changes(RULES, 300, during(10, 11, { failing: true }))).toEqual(["10:reduced", "70:full"]);
    expect(changes(RULES, 300, during(10, 12, { failing: true }))).toEqual([
      "10:reduced",
      "11:emergency",
      "71:reduced",
      "131:full",
    ]);
  });

  // planted: an emergency while the route's own targets are well
  test("comes back early where the level below would be an emergency", () => {
    expect(
      changes(RULES, 40, (second) => (second < 10 ? { full: "unwell" } : { reduced: "unwell", fallbacks: "unwell" })),
    ).toEqual(["0:reduced", "10:full"]);
  });
});

describe("the share of failed requests", () => {
  const tallyOf = (...failed: readonly boolean[]) =>
    failed.reduce((tally, one) => tallied(tally, one, RULES, 1_000), EMPTY_TALLY);

  // planted: the minimum left out; successes not counted
  test("counts from a minimum on, against all", () => {
    expect(isFailing(tallyOf(true, true, true), RULES, 1_000)).toBe(false);
    expect(isFailing(tallyOf(true, true, true, true), RULES, 1_000)).toBe(true);
    expect(isFailing(tallyOf(true, true, false, false), RULES, 1_000)).toBe(true);
    expect(isFailing(tallyOf(true, true, false, false, false), RULES, 1_000)).toBe(false);
  });

  // planted: the window before never forgotten
  test("is of this window and the one before", () => {
    const tally = tallyOf(true, true, true, true);
    expect([31_000, 61_000].map((now) => isFailing(tally, RULES, now))).toEqual([true, false]);
  });
});
