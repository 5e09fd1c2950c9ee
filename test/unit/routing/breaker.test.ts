import { expect, test } from "vitest";
import type { BreakerState } from "../../../src/core/ports.ts";
import { afterFailure, afterSuccess, CLOSED, phaseOf } from "../../../src/routing/breaker.ts";
import { BreakerView } from "../../../src/routing/breaker-view.ts";

const RULE = { failures: 3, openMs: 10_000, maxOpenMs: 25_000 };

/** Feeds outcomes at moments: `[now, healthy]`. */
function after(steps: readonly (readonly [number, boolean])[], state: BreakerState = CLOSED): BreakerState {
  return steps.reduce(
    (current, [now, healthy]) => (healthy ? afterSuccess(current, now) : afterFailure(current, RULE, now)),
    state,
  );
}

// planted: `failures <= config.failures`
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
  const opened = after([
    [0, false],
    [1, false],
    [2, false],
  ]);
  expect(opened).toEqual({ failures: 3, openUntil: 10_002, openMs: 10_000 });
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

// planted: `state.openMs * 2` without the cap
test("a failed probe opens it for twice as long, up to the cap", () => {
  const opened = after([
    [0, false],
    [0, false],
    [0, false],
  ]);
  const again = after([[10_000, false]], opened);
  expect(again).toMatchObject({ openUntil: 30_000, openMs: 20_000 });
  expect(after([[30_000, false]], again)).toMatchObject({ openUntil: 55_000, openMs: 25_000 });
});

// planted: afterSuccess that forgets openMs
test("a probe that succeeds closes it, and a backend that oscillates stays away longer each time", () => {
  const opened = after([
    [0, false],
    [0, false],
    [0, false],
  ]);
  const closed = after([[10_000, true]], opened);
  expect(phaseOf(closed, 10_000)).toBe("closed");
  expect(
    after(
      [
        [11_000, false],
        [11_000, false],
      ],
      closed,
    ),
  ).toMatchObject({ openUntil: 0 });
  expect(
    after(
      [
        [11_000, false],
        [11_000, false],
        [11_000, false],
      ],
      closed,
    ),
  ).toMatchObject({ openMs: 20_000 });
});

// planted: the checks for "open" in both transitions removed
test("what ends while it is open began before it opened, and changes nothing", () => {
  const opened = after([
    [0, false],
    [0, false],
    [0, false],
  ]);
  expect(
    after(
      [
        [5_000, true],
        [6_000, false],
      ],
      opened,
    ),
  ).toEqual(opened);
});

test("an isolate without Redis opens, probes and closes on its own; Redis' word replaces what it thought", () => {
  let now = 0;
  const view = new BreakerView(
    (name) => (name === "home" ? RULE : undefined),
    () => now,
  );
  for (let failure = 0; failure < 3; failure++) view.report("home", false);
  expect(phaseOf(view.state("home"), now)).toBe("open");
  view.learn({ breakers: { home: CLOSED } });
  expect(phaseOf(view.state("home"), now)).toBe("closed");
  view.learn({ breakers: { home: { failures: 3, openUntil: 100, openMs: 100 } } });
  now = 100;
  view.report("home", true);
  expect(view.state("home")).toEqual({ failures: 0, openUntil: 0, openMs: 100 });
});

// planted: `learn` and `report` without the look-up of the configuration
test("names that the configuration does not hold leave no entry behind", () => {
  const view = new BreakerView(
    () => undefined,
    () => 0,
  );
  view.report("stranger", false);
  view.learn({ breakers: { stranger: CLOSED } });
  expect(view.state("stranger")).toBeUndefined();
});
