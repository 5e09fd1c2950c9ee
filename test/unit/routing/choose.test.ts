import { describe, expect, test } from "vitest";
import { compileConfig } from "../../../src/config/compile.ts";
import { resolve } from "../../../src/config/resolve.ts";
import type { Route } from "../../../src/core/config.ts";
import type { Choice, RouteRule } from "../../../src/core/route-rules.ts";
import { type ChoiceInput, choose } from "../../../src/routing/choose.ts";

const compiled = compileConfig(
  `
backends:
  home: {formats: [openai-chat], baseUrl: {url: "http://home.invalid"}}
  cloud: {formats: [openai-chat], baseUrl: {url: "http://cloud.invalid"}}
routes:
  mixed:
    targets:
      - {name: small, backend: home, model: s, weight: 3, price: {inputPerMillion: 1, outputPerMillion: 1}}
      - {name: large, backend: home, model: l, weight: 1, price: {inputPerMillion: 5, outputPerMillion: 5}}
      - {name: best, backend: cloud, model: b, weight: 0, price: {inputPerMillion: 9, outputPerMillion: 9}}
tiers: {open: {}}
defaultTier: open
`,
  "choose.yaml",
);
if (!compiled.ok) throw new Error(compiled.problems.map(({ text }) => text).join("\n"));
const { config } = resolve(compiled.config, undefined);
const mixed = config.routes.mixed as Route;

const input = (changes: Partial<ChoiceInput> = {}): ChoiceInput => ({
  config,
  availableBackends: new Set(["home", "cloud"]),
  random: () => 0.5,
  subject: () => undefined,
  firstTokenMs: () => undefined,
  inputTokens: 100,
  ...changes,
});
const choosing = (choice: Choice): Route => ({ ...mixed, choose: choice });
const nameOf = (route: Route, changes: Partial<ChoiceInput> = {}, rule?: RouteRule) =>
  choose(route, rule, input(changes)).drawn?.name;

describe("a choice by hash", () => {
  const sticky = choosing({ by: "hash", of: "session" });
  const of = (subject: string, changes: Partial<ChoiceInput> = {}) =>
    nameOf(sticky, { subject: () => subject, random: Math.random, ...changes });

  // planted: the weights left out of the hash
  test("is always the same for the same subject, and shares follow the weights", () => {
    const shares = new Map<string | undefined, number>();
    for (let index = 0; index < 4_000; index++) {
      const name = of(`session-${index}`);
      expect(of(`session-${index}`)).toBe(name);
      shares.set(name, (shares.get(name) ?? 0) + 1);
    }
    expect((shares.get("small") ?? 0) / 4_000).toBeGreaterThan(0.72);
    expect((shares.get("small") ?? 0) / 4_000).toBeLessThan(0.78);
    expect(shares.get("best")).toBeUndefined();
  });

  // planted: the target taken by the hash modulo their number
  test("moves only those that a target had, when it goes", () => {
    const three = { ...sticky, targets: mixed.targets.map((target) => ({ ...target, weight: 1 })) };
    for (let index = 0; index < 500; index++) {
      const subject = () => `session-${index}`;
      const before = nameOf(three, { subject });
      const after = nameOf(three, { subject, availableBackends: new Set(["home"]) });
      expect(after === before || before === "best").toBe(true);
    }
  });

  test("is by weight where nobody is named, and says so", () => {
    expect(choose(sticky, undefined, input({ random: () => 0.9 }))).toMatchObject({
      drawn: { name: "large" },
      decision: { by: "weight" },
    });
  });
});

describe("a choice by speed or price", () => {
  const took = (ms: Readonly<Record<string, number>>): Partial<ChoiceInput> => ({
    firstTokenMs: ({ name = "" }) => ms[name],
  });

  // planted: what is not known taken for slow
  test("takes the fastest, and first of all what is not known", () => {
    const route = choosing({ by: "speed" });
    expect(nameOf(route, took({ small: 300, large: 200 }))).toBe("large");
    expect(nameOf(route, took({ large: 200 }))).toBe("small");
  });

  // planted: the target of time not looked at; the dearest taken
  test("takes the cheapest that is quick enough, and the fastest where none is", () => {
    const route = choosing({ by: "price", firstTokenMs: 250 });
    const of = (ms: Readonly<Record<string, number>>) => choose(route, undefined, input(took(ms)));
    expect(of({})).toMatchObject({ drawn: { name: "small" }, decision: { by: "price" } });
    expect(of({ small: 300, large: 200 })).toMatchObject({ drawn: { name: "large" }, decision: { by: "price" } });
    expect(of({ small: 300, large: 280 })).toMatchObject({ drawn: { name: "large" }, decision: { by: "speed" } });
    expect(nameOf(choosing({ by: "price" }), took({ small: 9_000 }))).toBe("small");
  });
});

describe("a choice by speed or price among some that may not be asked now", () => {
  const without = (...names: string[]): Partial<ChoiceInput> => ({
    mayBeAsked: ({ name = "" }) => !names.includes(name),
  });

  // planted: one that is not known drawn though nobody will ask it, with each request (this is how it was found); a known one; by price alone
  test("takes another, known or not", () => {
    const fast = choosing({ by: "speed" });
    const firstTokenMs: ChoiceInput["firstTokenMs"] = ({ name }) => (name === "large" ? 200 : undefined);
    expect(nameOf(fast, { firstTokenMs, ...without() })).toBe("small");
    expect(nameOf(fast, { firstTokenMs, ...without("small") })).toBe("large");
    expect(nameOf(fast, { firstTokenMs, ...without("large") })).toBe("small");
    expect(nameOf(choosing({ by: "price" }), without("small"))).toBe("large");
    const quick = choosing({ by: "price", firstTokenMs: 250 });
    expect(nameOf(quick, { firstTokenMs: () => 900, ...without("small") })).toBe("large");
  });

  test("goes as ever where none may, and other choices never ask", () => {
    expect(nameOf(choosing({ by: "speed" }), without("small", "large"))).toBe("small");
    const mayBeAsked = () => {
      throw new Error("asked");
    };
    expect(nameOf(mixed, { random: () => 0.99, mayBeAsked })).toBe("large");
  });
});

describe("a rule", () => {
  const rule = (more: Partial<RouteRule>): RouteRule => ({ name: "some", when: {}, ...more });

  // planted: the others tried all the same; the route's object made anew for each request
  test("lets its own targets stand and no others, also those without a weight", () => {
    const best = rule({ use: ["best"] });
    const chosen = choose(mixed, best, input());
    expect(chosen.route.targets.map(({ name, weight }) => [name, weight])).toEqual([["best", 1]]);
    expect(chosen).toMatchObject({ drawn: { name: "best" }, decision: { rule: "some", by: "only-target" } });
    expect(choose(mixed, best, input()).route).toBe(chosen.route);
    expect(nameOf(mixed, { random: () => 0.99 })).toBe("large");
  });

  test("may choose in a way of its own, and name the arm of an experiment", () => {
    const tried = rule({ use: ["small", "best"], choose: { by: "weight", experiment: "dearer" } });
    expect(choose(mixed, tried, input({ random: () => 0.99 })).decision).toEqual({
      rule: "some",
      by: "weight",
      experiment: "dearer",
      arm: "best",
    });
  });
});
