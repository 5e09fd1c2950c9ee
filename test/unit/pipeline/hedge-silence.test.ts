import { describe, expect, it } from "vitest";
import type { BreakerConfig } from "../../../src/core/config.ts";
import { BreakerView } from "../../../src/routing/breaker-view.ts";
import { RetryBudget } from "../../../src/routing/retry-budget.ts";
import { answers, ask, configOf, dawdles, hangs } from "../../support/chain.ts";
import { NOW } from "../../support/pipeline.ts";

/** What a hedge owes, what it says of the one that lost, and how often there is one. */

const route = (afterMs: number) => `
  chat:
    targets: [{backend: a, model: small}]
    fallbacks: [{backend: b, model: large}]
    delayBudgetMs: 2000
    hedge: {afterMs: ${afterMs}}
`;
const RULES: BreakerConfig = {
  failures: 3,
  errorRate: { share: 1, windowMs: 60_000, minimum: 1_000 },
  probes: 1,
  openMs: 60_000,
  maxOpenMs: 60_000,
};
/** Hedges whenever the route asks. */
const LAVISH = { deposit: () => undefined, take: () => true };

const view = () =>
  new BreakerView(
    () => RULES,
    () => NOW,
  );

describe("the loser of two", () => {
  // planted: it is charged its whole input whether or not a header ever came
  it("owes its input where the backend began to answer, and nothing where no header came", async () => {
    const silent = await ask(configOf(route(20)), { a: hangs, b: answers("b") });
    expect(silent.event.attempts.map(({ backend, costNanoUsd, usage }) => [backend, costNanoUsd > 0, !!usage])).toEqual(
      [
        ["a", false, false],
        ["b", true, true],
      ],
    );
    expect(silent.event.attempts[0]).toMatchObject({ outcome: "cancelled", detail: "headers", estimated: false });
    const begun = await ask(configOf(route(20)), { a: dawdles, b: answers("b") });
    expect(begun.event.attempts[0]).toMatchObject({ outcome: "cancelled", detail: "first_token", estimated: true });
    expect(begun.event.attempts[0]?.costNanoUsd).toBeGreaterThan(0);
  });

  // planted: no loser says anything; every loser does; the time to the first token counts where no header came
  it("fails its breaker where it was silent for its fair share: half of what its deadline gives it", async () => {
    const cases = [
      // connectMs is 150, firstTokenMs 300.
      [20, hangs, []],
      [100, hangs, [["a/small", false]]],
      [100, dawdles, []],
      [180, dawdles, [["a/small", false]]],
    ] as const;
    for (const [afterMs, a, said] of cases) {
      const { settlements } = await ask(configOf(route(afterMs)), { a, b: answers("b") }, {}, { retries: LAVISH });
      expect(settlements.flatMap(({ breakers }) => breakers.map(({ name, healthy }) => [name, healthy]))).toEqual(said);
    }
  });

  // planted: the hedge that lost says nothing
  it("is heard of where it was the hedge too", async () => {
    const { settlements, asked } = await ask(
      configOf(route(20)),
      { a: answers("a", 120), b: hangs },
      {},
      { retries: LAVISH },
    );
    expect(asked).toEqual(["a", "b"]);
    expect(settlements.flatMap(({ breakers }) => breakers.map(({ name, healthy }) => [name, healthy]))).toEqual([
      ["b/large", false],
    ]);
  });
});

describe("a route that hedges", () => {
  // planted: a hedge whenever the first is slow, so that its breaker never hears a word (this is how it was found)
  it("finds a dead first out all the same: most of its requests give it its whole time", async () => {
    const [breakers, retries] = [view(), new RetryBudget()];
    const decided: string[] = [];
    let costNanoUsd = 0;
    for (let request = 0; request < 30; request++) {
      const { event, steps } = await ask(configOf(route(20)), { a: hangs, b: answers("b") }, {}, { breakers, retries });
      decided.push(...steps.map((step) => step.split(" ")[0] ?? ""));
      costNanoUsd += event.attempts
        .filter(({ backend }) => backend === "a")
        .reduce((sum, one) => sum + one.costNanoUsd, 0);
    }
    expect(breakers.state("a/small")?.openUntil).toBeGreaterThan(NOW);
    expect(costNanoUsd).toBe(0);
    expect(decided.filter((decision) => decision === "hedge").length).toBe(1);
    expect(decided.filter((decision) => decision === "hedge-refused").length).toBe(3);
  });

  // planted: the share not looked at
  it("may say another share, or all", async () => {
    for (const [share, most] of [
      [0.5, 6],
      [1, 10],
    ] as const) {
      const retries = new RetryBudget();
      const config = configOf(route(20).replace("afterMs: 20", `afterMs: 20, share: ${share}`));
      let hedges = 0;
      for (let request = 0; request < 10; request++) {
        const { asked } = await ask(config, { a: answers("a", 40), b: dawdles }, {}, { retries });
        hedges += asked.length - 1;
      }
      expect(hedges).toBeGreaterThanOrEqual(most - 2);
      expect(hedges).toBeLessThanOrEqual(most);
    }
  });

  // planted: the hedge is not paid for; each backend pays for its own, so that two that hedge to each other are asked twice as often
  it("hedges one in ten of its requests, and one more an isolate", async () => {
    const retries = new RetryBudget();
    const asked = { a: 0, b: 0 };
    const decided: string[] = [];
    const slow = answers("slow", 60);
    for (let request = 0; request < 60; request++) {
      const played = await ask(configOf(route(20)), { a: slow, b: slow }, {}, { retries });
      for (const name of played.asked) asked[name as "a" | "b"]++;
      decided.push(...played.steps);
    }
    expect(asked.a).toBe(60);
    expect(asked.b).toBeGreaterThanOrEqual(5);
    expect(asked.b).toBeLessThanOrEqual(7);
    expect(decided.filter((step) => step === "hedge-refused b:hedge-budget").length).toBe(60 - asked.b);
  });
});
