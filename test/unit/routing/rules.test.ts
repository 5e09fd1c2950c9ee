import { expect, test } from "vitest";
import type { RuleCondition } from "../../../src/core/route-rules.ts";
import { type Question, ruleFor } from "../../../src/routing/rules.ts";

const never = () => {
  throw new Error("nobody asked for this");
};
const asked = (changes: Partial<Question> = {}): Question => ({
  tenant: "acme",
  tier: "free",
  scopes: new Set(["inference"]),
  task: "summary",
  inputTokens: 100,
  hasTools: false,
  stream: true,
  metadata: (name) => (name === "team" ? "search" : undefined),
  hasImages: never,
  language: never,
  complexity: never,
  ...changes,
});
const takes = (when: RuleCondition, changes?: Partial<Question>) =>
  ruleFor([{ name: "it", when }], asked(changes)) !== undefined;

// planted, one after the other: each condition passed over; a list that must hold whole
test.each<[RuleCondition, Partial<Question>, Partial<Question>]>([
  [{ tenant: ["globex", "acme"] }, {}, { tenant: "initech" }],
  [{ tier: ["free"] }, {}, { tier: "premium" }],
  [{ scope: ["admin", "inference"] }, {}, { scopes: new Set() }],
  [{ task: ["summary"] }, {}, { task: undefined }],
  [{ metadata: { team: ["search"] } }, {}, { metadata: () => "ads" }],
  [{ metadata: { team: ["search"] } }, {}, { metadata: () => undefined }],
  [{ inputTokens: { atLeast: 100 } }, {}, { inputTokens: 99 }],
  [{ inputTokens: { atMost: 100 } }, {}, { inputTokens: 101 }],
  [{ tools: false }, {}, { hasTools: true }],
  [{ stream: true }, {}, { stream: false }],
  [{ images: true }, { hasImages: () => true }, { hasImages: () => false }],
  [{ language: ["de", "fr"] }, { language: () => "de" }, { language: () => undefined }],
  [
    { complexity: { atLeast: 0.5 } },
    { complexity: () => ({ score: 0.5, parts: { length: 0, code: 0, reasoning: 0, tools: 0, demands: 0 } }) },
    { complexity: () => ({ score: 0.49, parts: { length: 0, code: 0, reasoning: 0, tools: 0, demands: 0 } }) },
  ],
])("%j takes the one and not the other", (when, fits, fitsNot) => {
  expect([takes(when, fits), takes(when, fitsNot)]).toEqual([true, false]);
});

test("all that is said must hold, the first rule that matches decides, and nothing is read that no rule asks about", () => {
  expect(takes({ tier: ["free"], tools: true })).toBe(false);
  expect(takes({ tier: ["premium"], language: ["de"], images: true, complexity: { atLeast: 0 } })).toBe(false);
  const rules = [
    { name: "other", when: { tier: ["premium"] } },
    { name: "first", when: { tier: ["free"] } },
    { name: "rest", when: {} },
  ];
  expect([ruleFor(rules, asked())?.name, ruleFor(rules, asked({ tier: "x" }))?.name, ruleFor([], asked())]).toEqual([
    "first",
    "rest",
    undefined,
  ]);
});
