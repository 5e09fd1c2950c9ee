import { describe, expect, test } from "vitest";
import { type BreakerState, CLOSED_BREAKER } from "../../../src/core/breaker.ts";
import type { BreakerConfig } from "../../../src/core/config.ts";
import { afterAttempt, claimed, phaseOf } from "../../../src/routing/breaker.ts";
import { BreakerView } from "../../../src/routing/breaker-view.ts";

const RULES: BreakerConfig = {
  failures: 3,
  errorRate: { share: 0.5, windowMs: 60_000, minimum: 8 },
  probes: 2,
  openMs: 10_000,
  maxOpenMs: 25_000,
};

type Step = readonly [now: number, healthy: boolean];
const FAILED = (now: number): readonly Step[] => [0, 1, 2].map((later) => [now + later, false] as const);

/** Feeds outcomes at moments, each of an attempt that began then. */
function after(steps: readonly Step[], state: BreakerState = CLOSED_BREAKER): BreakerState {
  return steps.reduce(
    (current, [now, healthy]) => afterAttempt(current, { healthy, beganAt: now, requestId: "other" }, RULES, now),
    state,
  );
}

/** The probes of one request after the other. */
function probed(state: BreakerState, steps: readonly Step[]): BreakerState {
  return steps.reduce(
    (current, [now, healthy]) =>
      afterAttempt(claimed(current, "mine", 1_000, now), { healthy, beganAt: now, requestId: "mine" }, RULES, now),
    state,
  );
}

// planted: `state.failures > failures`
test("three failures in a row open it; a success in between starts the count anew", () => {
  expect(
    phaseOf(
      after([
        [0, false],
        [1, false],
      ]),
      1,
    ),
  ).toBe("closed");
  const opened = after(FAILED(0));
  expect(opened).toMatchObject({ failures: 3, openUntil: 10_002, openMs: 10_000 });
  expect(phaseOf(opened, 10_001)).toBe("open");
  expect(phaseOf(opened, 10_002)).toBe("half-open");
  expect(
    phaseOf(
      after([
        [0, false],
        [1, false],
        [2, true],
        [3, false],
        [4, false],
      ]),
      5,
    ),
  ).toBe("closed");
});

// planted: the half before is not counted; the halves are not turned
test("half of the attempts in a window open it, if there were enough of them", () => {
  const alternating = (from: number, count: number) =>
    Array.from({ length: count }, (_, index) => [from + index, index % 2 === 0] as const);
  expect(phaseOf(after(alternating(0, 7)), 10)).toBe("closed");
  expect(phaseOf(after(alternating(0, 8)), 10)).toBe("open");
  const across = after(alternating(30_000, 4), after(alternating(29_990, 4)));
  expect(phaseOf(across, 30_010)).toBe("open");
  const apart = after(alternating(90_000, 4), after(alternating(0, 4)));
  expect(phaseOf(apart, 90_010)).toBe("closed");
  const mostlyWell = after(Array.from({ length: 40 }, (_, index) => [index, index % 3 !== 0] as const));
  expect(phaseOf(mostlyWell, 50)).toBe("closed");
});

// planted: `state.openMs * 2` without the cap
test("a failed probe opens it for twice as long, up to the cap", () => {
  const again = probed(after(FAILED(0)), [[10_002, false]]);
  expect(again).toMatchObject({ openUntil: 30_002, openMs: 20_000 });
  expect(probed(again, [[30_002, false]])).toMatchObject({ openUntil: 55_002, openMs: 25_000 });
});

// planted: one probe closes it; `opened` that keeps what was proven
test("it takes two probes in a row to close it", () => {
  const opened = after(FAILED(0));
  const once = probed(opened, [[10_002, true]]);
  expect(phaseOf(once, 10_002)).toBe("half-open");
  expect(phaseOf(probed(once, [[10_003, true]]), 10_003)).toBe("closed");
  const failed = probed(once, [[10_003, false]]);
  expect(failed).toMatchObject({ proven: 0, openMs: 20_000 });
  expect(phaseOf(probed(failed, [[30_003, true]]), 30_003)).toBe("half-open");
});

// planted: `isRemembered` always true, always false
test("a backend that oscillates stays away longer each time, until it was well for long", () => {
  const closed = probed(after(FAILED(0)), [
    [10_002, true],
    [10_003, true],
  ]);
  expect(after(FAILED(11_000), closed)).toMatchObject({ openMs: 20_000 });
  expect(after(FAILED(70_000), closed)).toMatchObject({ openMs: 10_000 });
});

// planted: `beganAt` is not compared; only with `changedAt`
test("what began before an opening was over, or before it closed, changes nothing", () => {
  const opened = after(FAILED(0));
  const before = { healthy: true, beganAt: 10_001, requestId: "mine" };
  expect(afterAttempt(claimed(opened, "mine", 1_000, 10_002), before, RULES, 11_000)).toMatchObject({ proven: 0 });
  expect(
    after(
      [
        [5_000, true],
        [6_000, false],
      ],
      opened,
    ),
  ).toBe(opened);
  const closed = probed(opened, [
    [10_002, true],
    [10_003, true],
  ]);
  const straggler = { healthy: false, beganAt: 9_000, requestId: "other" };
  expect(afterAttempt(closed, straggler, RULES, 11_000)).toBe(closed);
});

describe("an isolate's view", () => {
  const setting = (rules: BreakerConfig = RULES) => {
    const clock = { now: 0 };
    const view = new BreakerView(
      (name) => (name === "home/m" ? rules : undefined),
      () => clock.now,
    );
    const report = (healthy: boolean, requestId = "other") =>
      view.report("home/m", { healthy, beganAt: clock.now, requestId }, false);
    return { clock, view, report };
  };

  // planted: `claim` that does not remember whose it is
  test("opens, probes with one request at a time and closes without Redis", () => {
    const { clock, view, report } = setting();
    for (let failure = 0; failure < 3; failure++) report(false);
    expect(phaseOf(view.claim("home/m", "a", 1_000), clock.now)).toBe("open");
    clock.now = 10_000;
    const phases = ["a", "b", "c"].map((id) => phaseOf(view.claim("home/m", id, 1_000), clock.now));
    expect(phases).toEqual(["half-open", "open", "open"]);
    view.giveBack("b");
    expect(phaseOf(view.claim("home/m", "b", 1_000), clock.now)).toBe("open");
    view.giveBack("a");
    expect(phaseOf(view.claim("home/m", "b", 1_000), clock.now)).toBe("half-open");
    report(true, "b");
    expect(phaseOf(view.claim("home/m", "c", 1_000), clock.now)).toBe("half-open");
    report(true, "c");
    expect(phaseOf(view.state("home/m"), clock.now)).toBe("closed");
  });

  test("is replaced by Redis' word", () => {
    const { clock, view, report } = setting();
    for (let failure = 0; failure < 3; failure++) report(false);
    view.learn({ breakers: { "home/m": CLOSED_BREAKER } });
    expect(phaseOf(view.state("home/m"), clock.now)).toBe("closed");
  });

  // planted: a success is always told; the tally is not emptied; old halves are told
  test("tells Redis of its successes with what fails, and of none while nothing does", () => {
    const { clock, report } = setting();
    for (let success = 0; success < 5; success++) expect(report(true)).toBeUndefined();
    clock.now = 30_000;
    for (let success = 0; success < 3; success++) expect(report(true)).toBeUndefined();
    expect(report(false)).toEqual({ now: 3, before: 5 });
    // The next success ends the row of failures, which is news at once.
    expect(report(true)).toEqual({ now: 1, before: 0 });
    clock.now = 95_000;
    expect(report(true)).toBeUndefined();
    clock.now = 200_000;
    expect(report(false)).toEqual({ now: 0, before: 0 });
  });

  // planted: told with each success; never told
  test("tells of successes a few times a window while others see failures in it", () => {
    const { clock, view, report } = setting();
    const shared = { ...CLOSED_BREAKER, bad: 4, half: 1 };
    clock.now = 40_000;
    const told: unknown[] = [];
    for (let success = 0; success < 100; success++) {
      view.learn({ breakers: { "home/m": shared } });
      clock.now += 100;
      told.push(report(true));
    }
    expect(told.filter((one) => one !== undefined)).toEqual([
      { now: 1, before: 0 },
      { now: 60, before: 0 },
    ]);
  });

  // planted: `learn` and `report` without the look-up of the configuration
  test("keeps no entry of names that the configuration does not hold", () => {
    const { view } = setting();
    expect(view.report("stranger", { healthy: false, beganAt: 0, requestId: "a" }, false)).toBeDefined();
    view.learn({ breakers: { stranger: CLOSED_BREAKER } });
    expect(view.state("stranger")).toBeUndefined();
  });
});
