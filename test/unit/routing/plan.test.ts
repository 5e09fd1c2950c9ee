import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type BreakerState, CLOSED_BREAKER } from "../../../src/core/breaker.ts";
import type { Route } from "../../../src/core/config.ts";
import { ceilingNanoUsd, costNanoUsd, isWithin } from "../../../src/core/money.ts";
import { TRIGGERS } from "../../../src/core/triggers.ts";
import { choose } from "../../../src/routing/choose.ts";
import { dearestPrice, type PlanInput, plan, within } from "../../../src/routing/plan.ts";
import { backend, config, route, target } from "./example.ts";
import { NOW, namesOf as names, open, planInput } from "./planning.ts";

const drawTarget = (of: Route, asked: PlanInput) =>
  choose(of, undefined, { ...asked, subject: () => undefined, firstTokenMs: () => undefined, inputTokens: 1 }).drawn;

const NAMES = ["a", "b", "c", "d"];
const input = (changes: Partial<PlanInput> = {}): PlanInput => planInput(NAMES, changes);

describe("order", () => {
  const weighted = route([target("a", 1), target("b", 3)], [target("c"), target("d")]);

  // planted: `draw` that returns the first target
  test("one target by weight, the other targets heavier first, then the fallbacks in their order", () => {
    expect(names(plan(weighted, input({ random: () => 0 })))).toEqual(["a", "b", "c", "d"]);
    expect(names(plan(weighted, input({ random: () => 0.9 })))).toEqual(["b", "a", "c", "d"]);
    expect(plan(weighted, input({ random: () => 0.9 })).attempts.map((attempt) => attempt.reason)).toEqual([
      "weighted-choice",
      "other-target",
      "fallback",
      "fallback",
    ]);
    const three = route([target("a", 1), target("b", 2), target("c", 5)]);
    expect(names(plan(three, input({ random: () => 0 })))).toEqual(["a", "c", "b"]);
  });

  // planted: `point <= 0` in `draw`
  test("traffic is shared exactly by weight", () => {
    const counts = { a: 0, b: 0 };
    for (let step = 0; step < 400; step++) {
      const [first] = names(plan(weighted, input({ random: () => step / 400 })));
      if (first === "a" || first === "b") counts[first] += 1;
    }
    expect(counts).toEqual({ a: 100, b: 300 });
  });

  // planted: the check for a weight of zero removed
  test("a target whose weight the overlay took away gets nothing, not even as a second try", () => {
    const planned = plan(route([target("a", 0), target("b", 1)]), input());
    expect(names(planned)).toEqual(["b"]);
    expect(planned.skipped).toEqual([{ backend: "a", model: "a-model", reason: "no-weight" }]);
  });

  // planted: chosenTarget set to true for all
  test("only a target's answer counts as the route's own", () => {
    expect(plan(weighted, input()).attempts.map((attempt) => attempt.chosenTarget)).toEqual([true, true, false, false]);
  });

  // planted: the target that was drawn before is not looked for; every target's answer counts as the drawn one's
  test("the target that was drawn before admission comes first, and only its answer is the chosen one's", () => {
    const [light, heavy] = weighted.targets;
    for (const drawn of [light, heavy]) {
      const planned = plan(weighted, input({ ...(drawn && { drawn }), random: () => 0.9 }));
      expect(planned.attempts.map(({ target, chosenTarget }) => [target === drawn, chosenTarget])).toEqual([
        [true, true],
        [false, false],
        [false, false],
        [false, false],
      ]);
    }
    const without = plan(weighted, input({ ...(light && { drawn: light }), breakers: { "a/a-model": open(5_000) } }));
    expect(without.attempts.map(({ backend, chosenTarget }) => [backend.name, chosenTarget])).toEqual([
      ["b", false],
      ["c", false],
      ["d", false],
    ]);
  });

  // planted: a target without weight is drawn; chance is asked where there is no choice
  test("a target is drawn by weight among those that stand, whatever their health, and only where there are several", () => {
    const draw = (random: number, changes: Partial<PlanInput> = {}) =>
      drawTarget(weighted, input({ random: () => random, ...changes }))?.backend;
    expect([draw(0), draw(0.24), draw(0.26), draw(0.99)]).toEqual(["a", "a", "b", "b"]);
    expect(draw(0, { availableBackends: new Set(["b", "c"]) })).toBe("b");
    expect(
      draw(0.99, {
        config: config(
          NAMES.map((name) => backend(name)),
          ["b"],
        ),
      }),
    ).toBe("a");
    expect(draw(0, { availableBackends: new Set(["c"]) })).toBeUndefined();
    const asked = () => {
      throw new Error("there is no choice");
    };
    expect(drawTarget(route([target("a", 0), target("b", 1)]), input({ random: asked }))?.backend).toBe("b");
    expect(drawTarget(route([target("a")], [target("b")]), input({ random: asked }))).toBeUndefined();
  });

  test("a caller who refuses fallbacks gets the chosen target alone", () => {
    const planned = plan(weighted, input({ noFallback: true, random: () => 0.9 }));
    expect(names(planned)).toEqual(["b"]);
    expect(planned.skipped).toHaveLength(3);
    expect(new Set(planned.skipped.map((skipped) => skipped.reason))).toEqual(new Set(["fallback-refused"]));
  });
});

describe("who is left out", () => {
  const both = route([target("a")], [target("b")]);

  // planted, one by one: each of the conditions of `judge`
  test.each<[string, Partial<PlanInput>]>([
    ["not-configured", { availableBackends: new Set(["b"]) }],
    ["not-configured", { config: config([backend("b")]) }],
    ["disabled", { config: config([backend("a"), backend("b")], ["a"]) }],
    ["wrong-operation", { config: config([backend("a", ["openai-embeddings"]), backend("b")]) }],
    ["breaker-open", { breakers: { "a/a-model": open(1) } }],
  ])("%s", (reason, changes) => {
    const planned = plan(both, input(changes));
    expect(names(planned)).toEqual(["b"]);
    expect(planned.skipped).toEqual([{ backend: "a", model: "a-model", reason }]);
  });

  test("a target that costs more than was reserved", () => {
    const dear = route([target("a", 1, { inputPerMillion: 1, outputPerMillion: 9 })], [target("b")]);
    const planned = plan(dear, input({ priceCeiling: { inputPerMillion: 5, outputPerMillion: 5 } }));
    expect(names(planned)).toEqual(["b"]);
    expect(planned.skipped[0]?.reason).toBe("above-price-ceiling");
    expect(planned.attempts[0]?.priceCeiling).toEqual({ inputPerMillion: 5, outputPerMillion: 5 });
  });

  test("the traffic of an open target goes to the other targets, not to the fallbacks", () => {
    const three = route([target("a", 9), target("b", 1)], [target("c")]);
    expect(names(plan(three, input({ breakers: { "a/a-model": open(1) }, random: () => 0.99 })))).toEqual(["b", "c"]);
  });

  test("nobody is left: an empty plan, and every reason said", () => {
    const planned = plan(both, input({ availableBackends: new Set() }));
    expect(planned.attempts).toEqual([]);
    expect(planned.skipped).toHaveLength(2);
  });
});

describe("deadlines", () => {
  test("the route's over the backend's", () => {
    const [attempt] = plan(route([target("a")], [], { deadlines: { silenceMs: 7 } }), input()).attempts;
    expect(attempt?.deadlines).toEqual({ connectMs: 5_000, firstTokenMs: 30_000, silenceMs: 7, totalMs: 900_000 });
  });

  // planted: `within` that returns the deadlines as they are
  test("nobody waits longer for a first token than the delay budget lasts", () => {
    const [attempt] = plan(route([target("a")]), input({ budgetMs: 1_200 })).attempts;
    expect(attempt?.deadlines).toMatchObject({ connectMs: 1_200, firstTokenMs: 1_200, totalMs: 900_000 });
    expect(within(backend("a").deadlines, -5)).toMatchObject({ connectMs: 0, firstTokenMs: 0 });
  });
});

describe("prices", () => {
  const price = fc.record(
    {
      inputPerMillion: fc.integer({ min: 0, max: 100 }),
      outputPerMillion: fc.integer({ min: 0, max: 100 }),
      cachedInputPerMillion: fc.integer({ min: 0, max: 100 }),
      cacheWritePerMillion: fc.integer({ min: 0, max: 100 }),
      perRequest: fc.integer({ min: 0, max: 3 }),
    },
    { requiredKeys: ["inputPerMillion", "outputPerMillion"] },
  );

  // planted: dearestPrice that looks at the targets alone
  test("a reservation at the dearest price covers any split of the tokens on any target or fallback", () => {
    fc.assert(
      fc.property(
        fc.tuple(price, price, price),
        fc.array(fc.nat(10_000), { minLength: 4, maxLength: 4 }),
        (prices, tokens) => {
          const [plain = 0, cached = 0, written = 0, output = 0] = tokens;
          const [first, ...rest] = prices.map((one, index) => target(NAMES[index] ?? "", 1, one));
          const example = route(first ? [first] : [], rest);
          const input = plain + cached + written;
          const reserved = ceilingNanoUsd(dearestPrice(example, config([])), input, output);
          for (const one of prices) {
            const usage = {
              inputTokens: input,
              cachedInputTokens: cached,
              cacheWriteTokens: written,
              outputTokens: output,
            };
            expect(costNanoUsd(one, usage)).toBeLessThanOrEqual(reserved);
            expect(isWithin(one, dearestPrice(example, config([])))).toBe(true);
          }
        },
      ),
    );
  });

  test("who cannot answer is not reserved for", () => {
    const dear = { inputPerMillion: 50, outputPerMillion: 50 };
    const example = route([target("a")], [target("b", 1, dear)]);
    expect(dearestPrice(example, config([])).outputPerMillion).toBe(50);
    expect(dearestPrice(example, config([], ["b"])).outputPerMillion).toBe(0);
    expect(dearestPrice(example, config([]), new Set(["a"])).outputPerMillion).toBe(0);
  });
});

// planted: a candidate whose breaker is open and that is not the last resort is not told of
test("whatever the state of the world: no candidate twice, none lost, one alone where fallbacks are refused", () => {
  const state = fc.constantFrom<BreakerState | undefined>(undefined, open(10), open(0), {
    ...CLOSED_BREAKER,
    failures: 1,
  });
  fc.assert(
    fc.property(
      fc.record({
        weights: fc.tuple(fc.nat(3), fc.nat(3)),
        on: fc.subarray([...TRIGGERS]),
        neededTokens: fc.nat(200),
        available: fc.subarray(NAMES),
        disabled: fc.subarray(NAMES),
        breakers: fc.record({ a: state, b: state, c: state, d: state }),
        random: fc.double({ min: 0, max: 0.999999, noNaN: true }),
        noFallback: fc.boolean(),
      }),
      (world) => {
        const example = route(
          [target("a", world.weights[0]), target("b", world.weights[1])],
          [{ ...target("c"), on: world.on, contextTokens: 100 }, target("d")],
        );
        const planned = plan(example, {
          config: config(
            NAMES.map((name) => backend(name)),
            world.disabled,
          ),
          availableBackends: new Set(world.available),
          breakers: Object.fromEntries(
            Object.entries(world.breakers).map(([name, one]) => [`${name}/${name}-model`, one]),
          ),
          now: NOW,
          random: () => world.random,
          noFallback: world.noFallback,
          neededTokens: world.neededTokens,
        });
        const all = [...names(planned), ...planned.skipped.map((skipped) => skipped.backend)];
        expect([...all].sort()).toEqual(NAMES);
        expect(planned.attempts.length).toBeLessThanOrEqual(world.noFallback ? 1 : NAMES.length);
        const permitted = NAMES.filter((name) => world.available.includes(name) && !world.disabled.includes(name));
        for (const name of names(planned)) expect(permitted).toContain(name);
      },
    ),
  );
});
