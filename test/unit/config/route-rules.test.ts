import { expect, test } from "vitest";
import { compileConfig } from "../../../src/config/compile.ts";
import { resolve } from "../../../src/config/resolve.ts";
import { readChoice, readRules } from "../../../src/config/route-rules.ts";

const names = new Set(["small", "large"]);
const tiers = { premium: {}, free: {} };
const problemOf = (rule: unknown) => {
  const { problems, rules } = readRules([rule], names, tiers);
  expect(rules.length).toBe(problems.length > 0 ? 0 : 1);
  return problems.map(({ path, reason }) => `${path.join(".")}: ${reason}`);
};

// planted, one after the other: each check left out
test.each([
  [{ when: {} }, "0.name: is missing"],
  [{ name: "Bad Name", when: {} }, "0.name: must be 1 to 48 lower-case letters, digits and hyphens"],
  [{ name: "a" }, "0.when: is missing"],
  [{ name: "a", when: { tenants: ["x"] } }, '0.when.tenants: unknown key; did you mean "tenant"?'],
  [{ name: "a", when: { tier: [] } }, "0.when.tier: must be a list"],
  [{ name: "a", when: { tier: [7] } }, "0.when.tier.0: must be a text"],
  [{ name: "a", when: { tools: "yes" } }, "0.when.tools: must be true or false"],
  [{ name: "a", when: { language: ["xx"] } }, /^0\.when\.language\.0: must be one of en, de/],
  [{ name: "a", when: { inputTokens: {} } }, "0.when.inputTokens: needs `atLeast`, `atMost` or both"],
  [{ name: "a", when: { inputTokens: { atLeast: -1 } } }, "0.when.inputTokens.atLeast: must be a number from 0 on"],
  [{ name: "a", when: { metadata: {} } }, "0.when.metadata: must name a field and its values"],
  [
    { name: "a", when: { weather: 1 } },
    "0.when.weather: unknown key; known are tenant, tier, scope, task, metadata, language, inputTokens, tools, images, stream, complexity",
  ],
  [{ name: "a", when: {}, use: ["smal"] }, '0.use.0: no target is named "smal"; did you mean "small"?'],
  [{ name: "a", when: { tier: ["premum"] } }, '0.when.tier.0: no tier is named "premum"; did you mean "premium"?'],
  [{ name: "a", when: { tier: ["gold"] } }, '0.when.tier.0: no tier is named "gold"; known are premium, free'],
  [{ name: "a", when: { complexity: { atLeast: 4 } } }, "0.when.complexity.atLeast: must be a number from 0 to 1"],
  [
    { name: "a", when: { inputTokens: { atLeast: 4, atMost: 3 } } },
    "0.when.inputTokens: no number is at least 4 and at most 3",
  ],
  [{ name: "a", when: {}, choose: { by: "magic" } }, "0.choose.by: must be one of weight, hash, price, speed"],
  [{ name: "a", when: {}, choose: { by: "hash" } }, "0.choose.of: is missing"],
  [{ name: "a", when: {}, choose: { by: "speed", of: "user" } }, "0.choose.of: unknown key; known are by, experiment"],
])("%j is refused: %s", (rule, says) => {
  const [problem = ""] = problemOf(rule);
  if (typeof says === "string") expect(problem).toBe(says);
  else expect(problem).toMatch(says);
});

test("names of rules are their own, and there are at most 64", () => {
  const rule = { name: "a", when: {} };
  expect(readRules([rule, rule], names, tiers).problems).toEqual([
    { path: [1, "name"], reason: "is another rule's name too" },
  ]);
  expect(
    readRules(
      Array.from({ length: 65 }, (_, index) => ({ ...rule, name: `a${index}` })),
      names,
      tiers,
    ).rules,
  ).toEqual([]);
  expect(readChoice({ by: "price", firstTokenMs: 300 }).choice).toEqual({ by: "price", firstTokenMs: 300 });
});

const file = (targets: string, more = "") => `
backends:
  home: {formats: [openai-chat], baseUrl: {url: "http://home.invalid"}, price: {inputPerMillion: 1, outputPerMillion: 1}}
routes:
  clever:
    targets: ${targets}
    ${more}
tiers: {open: {}}
defaultTier: open
`;

test("a file says where its rules are wrong, by line", () => {
  const text = (yaml: string) => {
    const compiled = compileConfig(yaml, "f.yaml");
    return compiled.ok ? [] : compiled.problems.map((problem) => problem.text);
  };
  const two = "[{name: small, backend: home, model: s}, {name: large, backend: home, model: l}]";
  expect(text(file(two, "rules: [{name: a, when: {tier: [open]}, use: [larg]}]"))).toEqual([
    'f.yaml:7: routes.clever.rules[0].use[0]: no target is named "larg"; did you mean "large"?',
  ]);
  expect(text(file("[{name: x, backend: home, model: s}, {name: x, backend: home, model: l}]"))).toEqual([
    'f.yaml:6: routes.clever.targets: two targets are named "x"',
  ]);
  expect(text(file("[{name: x, backend: home, model: s, weight: 0}]"))).toEqual([
    "f.yaml:6: routes.clever.targets: need a weight above 0, one of them at least",
  ]);
  expect(text(file(two, "choose: {by: magic}"))).toEqual([
    "f.yaml:7: routes.clever.choose.by: must be one of weight, hash, price, speed",
  ]);
});

// planted: rules of an overlay taken unread
test("an overlay that does not fit is named, and changes nothing", () => {
  const compiled = compileConfig(file("[{name: small, backend: home, model: s}]"), "f.yaml");
  if (!compiled.ok) throw new Error("does not compile");
  const { ignored, config } = resolve(compiled.config, {
    version: 1,
    rules: { clever: [{ name: "a", when: { tier: "open" } }], nowhere: [] },
    choose: { clever: { by: "hash" } },
  });
  expect(ignored.map(({ path, reason }) => `${path}: ${reason}`)).toEqual([
    "rules.clever.0.when.tier: must be a list",
    'rules.nowhere: no route is named "nowhere"; known are clever',
    "choose.clever.of: is missing",
  ]);
  expect(config.routes.clever).toEqual(compiled.config.routes.clever);
});
