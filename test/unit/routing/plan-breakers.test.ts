import { describe, expect, test } from "vitest";
import type { BreakerState } from "../../../src/core/breaker.ts";
import { type PlanInput, plan } from "../../../src/routing/plan.ts";
import { backend, config, route, target } from "./example.ts";
import { namesOf as names, open, planInput } from "./planning.ts";

const NAMES = ["a", "b"];
const input = (changes: Partial<PlanInput> = {}): PlanInput => planInput(NAMES, changes);

const byHand = (name: string, state: "open" | "closed"): PlanInput["config"] => ({
  ...config([backend("a"), backend("b")]),
  breakersByHand: new Map([[name, state]]),
});

describe("breakers", () => {
  const both = route([target("a")], [target("b")]);

  // planted: `lastResort` that returns every open backend
  test("with every breaker open, one probe goes to the one that closes first", () => {
    const planned = plan(both, input({ breakers: { "a/a-model": open(900), "b/b-model": open(500) } }));
    expect(names(planned)).toEqual(["b"]);
    expect(planned.attempts[0]?.reason).toBe("last-resort");
    expect(planned.skipped).toEqual([{ backend: "a", model: "a-model", reason: "breaker-open" }]);
  });

  // planted: by the end of the opening alone
  test("one that another request probes just now goes before one that is to be left alone", () => {
    const tried: BreakerState = { ...open(9_000), holder: "another" };
    const planned = plan(both, input({ breakers: { "a/a-model": open(500), "b/b-model": tried } }));
    expect(planned.attempts.map(({ reason }) => reason)).toEqual(["last-resort"]);
    expect(names(planned)).toEqual(["b"]);
  });

  // planted: `byHand` that asks only for the backend, only for the model; a held one tried as the last resort
  test("one that is held open is no last resort; one that is held closed is asked whatever was seen of it", () => {
    const breakers = { "a/a-model": open(900), "b/b-model": open(9_000) };
    expect(names(plan(both, input({ breakers, config: byHand("a", "open") })))).toEqual(["b"]);
    expect(names(plan(both, input({ breakers, config: byHand("b", "closed") })))).toEqual(["b"]);
    const model = {
      ...byHand("a", "open"),
      breakersByHand: new Map([
        ["a", "open"],
        ["a/a-model", "closed"],
      ] as const),
    };
    expect(names(plan(both, input({ breakers, config: model })))).toEqual(["a"]);
    const all = {
      ...model,
      breakersByHand: new Map([
        ["a", "open"],
        ["b", "open"],
      ] as const),
    };
    expect(names(plan(both, input({ config: all })))).toEqual([]);
  });

  // planted: held ones go on as if they were not
  test.each(["a", "a/a-model"])("held open as %s, it is left out and said to be", (name) => {
    const planned = plan(both, input({ config: byHand(name, "open") }));
    expect(names(planned)).toEqual(["b"]);
    expect(planned.skipped).toEqual([{ backend: "a", model: "a-model", reason: "opened-by-hand" }]);
  });

  // planted: a breaker for the whole backend
  test("another model of the same backend is not kept away", () => {
    const twice = route([target("a")], [{ ...target("a"), model: { name: "other" } }]);
    const planned = plan(twice, input({ breakers: { "a/a-model": open(900) } }));
    expect(planned.attempts.map(({ model }) => model)).toEqual(["other"]);
  });

  test("a half-open backend is probed in its place, with the others behind it", () => {
    const planned = plan(both, input({ breakers: { "a/a-model": open(0) } }));
    expect(planned.attempts.map((attempt) => [attempt.backend.name, attempt.reason])).toEqual([
      ["a", "probe"],
      ["b", "fallback"],
    ]);
  });
});
