import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { complexityOf, LIST_MARKS } from "../../../src/routing/complexity.ts";

const PROMPTS = JSON.parse(
  readFileSync(new URL("../../fixtures/routing/complexity.json", import.meta.url), "utf8"),
) as { text: string; hard: boolean }[];
const plain = { turns: 1, tools: 0, structured: false };
const scoreOf = (text: string) => complexityOf({ ...plain, text, inputTokens: Math.ceil(text.length / 4) }).score;

// planted: words that ask for reasoning not looked for
test("hard requests score higher than easy ones: of pairs of one each, at least 19 in 20", () => {
  const easy = PROMPTS.filter(({ hard }) => !hard).map(({ text }) => scoreOf(text));
  const hard = PROMPTS.filter(({ hard }) => hard).map(({ text }) => scoreOf(text));
  const pairs = hard.flatMap((high) => easy.map((low) => (high > low ? 1 : high === low ? 0.5 : 0)));
  const area = pairs.reduce<number>((sum, pair) => sum + pair, 0) / pairs.length;
  expect(area).toBeGreaterThanOrEqual(0.95);
});

test("the parts add up to the score, each is bounded, and all together reach 1", () => {
  const most = complexityOf({
    text: "Prove why, step by step:\n- must\n- should\n```\nimport x; return y; const f = () => 1;\n```\ndef f():\nclass A\n1. at most\n2. exactly",
    inputTokens: 100_000,
    turns: 40,
    tools: 9,
    structured: true,
  });
  expect(most.score).toBe(1);
  const some = complexityOf({ text: "Why?", inputTokens: 300, turns: 3, tools: 1, structured: false });
  expect(Object.values(some.parts).reduce((sum, part) => sum + part, 0)).toBeCloseTo(some.score, 2);
  expect(complexityOf({ text: "", inputTokens: 0, turns: 0, tools: 0, structured: false }).score).toBe(0);
});

// planted: `\s*` for the indent, which takes in the line ends (10 s)
test("marks of lists are looked for once in each line, however many lines are empty", () => {
  const empty = "\n".repeat(100_000);
  const cpuUs = (pattern: RegExp) => {
    const before = process.cpuUsage();
    const found = empty.match(pattern);
    const { user, system } = process.cpuUsage(before);
    expect(found).toBeNull();
    return user + system;
  };
  // As much as a pattern that can only be linear, with a wide margin: the other takes thousands of times as much.
  const linear = Math.max(1_000, cpuUs(/^[ \t]*-/gm));
  expect(cpuUs(LIST_MARKS)).toBeLessThan(200 * linear);
  expect("\n\n - a\n\t2) b\n* c".match(LIST_MARKS)).toHaveLength(3);
});
