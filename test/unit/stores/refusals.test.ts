import { describe, expect, test } from "vitest";
import { RECORDED_A_MINUTE, refusalTally } from "../../../src/stores/isolate/refusals.ts";
import { eventOf } from "../telemetry/event.ts";

const refused = (keyId: string, endedAt: number, alias = "home") =>
  eventOf({ keyId, endedAt, alias, outcome: "refused", failure: "caller_rate_limited", attempts: [] });

describe("the refusals of a key", () => {
  // planted: no bound; the minute never ends; one bound for all keys
  test("have a few events a minute, each key its own", () => {
    const tally = refusalTally(10);
    const noted = (keyId: string, endedAt: number) =>
      Array.from({ length: 30 }, () => tally.note(refused(keyId, endedAt))).filter(Boolean).length;
    expect([noted("a", 0), noted("a", 59_999), noted("b", 59_999), noted("a", 60_000)]).toEqual([
      RECORDED_A_MINUTE,
      0,
      RECORDED_A_MINUTE,
      RECORDED_A_MINUTE,
    ]);
  });

  // planted: what was taken is kept; kinds beyond the most are let go
  test("are counted by kind where they have none, are taken once, and none is missing however many kinds there are", () => {
    const tally = refusalTally(10);
    expect(tally.take("a")).toBeUndefined();
    for (let index = 0; index < 10; index++) tally.note(refused("a", 0));
    expect(tally.take("a")).toBeUndefined();
    for (const alias of ["home", "cloud", "home"]) tally.note(refused("a", 0, alias));
    expect(tally.take("a")?.map(({ alias, count }) => [alias, count])).toEqual([
      ["home", 2],
      ["cloud", 1],
    ]);
    expect(tally.take("a")).toBeUndefined();
    for (let index = 0; index < 200; index++) tally.note(refused("a", 0, `alias-${index}`));
    const taken = tally.take("a") ?? [];
    expect(taken.length).toBeLessThanOrEqual(32);
    expect(taken.reduce((sum, { count }) => sum + count, 0)).toBe(200);
  });

  // planted: the oldest key is not forgotten
  test("are remembered of a bounded number of keys", () => {
    const tally = refusalTally(2);
    for (let index = 0; index < 11; index++) tally.note(refused("a", 0));
    for (const keyId of ["b", "c"]) tally.note(refused(keyId, 0));
    expect(tally.take("a")).toBeUndefined();
    expect(tally.note(refused("a", 0))).toBe(true);
  });
});
