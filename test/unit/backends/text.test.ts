import fc from "fast-check";
import { expect, test } from "vitest";
import { noDirectives } from "../../../dev/backends/directives.ts";
import { type Answer, composeAnswer } from "../../../dev/backends/text/answer.ts";
import { embed } from "../../../dev/backends/text/embedding.ts";
import { simulatedTokens, splitIntoTokens } from "../../../dev/backends/text/tokens.ts";

const anyText = fc.string({ unit: "binary" });

// planted: the split cut surrogate pairs
test("tokens join to the text, hold at most four bytes, end between code points, and are as many as counted", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const tokens = splitIntoTokens(text);
      expect(tokens.join("")).toBe(text);
      expect(tokens.length).toBe(simulatedTokens(text));
      for (const token of tokens) {
        expect(Buffer.byteLength(token)).toBeLessThanOrEqual(4);
        expect(token.isWellFormed()).toBe(text.isWellFormed() || token.isWellFormed());
      }
    }),
  );
});

// planted: the count restarted at each word
test("a prefix of whole tokens splits into those tokens again", () => {
  fc.assert(
    fc.property(anyText, fc.nat(20), (text, count) => {
      const tokens = splitIntoTokens(text).slice(0, count);
      expect(splitIntoTokens(tokens.join(""))).toEqual(tokens);
    }),
  );
});

// planted: one byte counted as one token
test("the rule in numbers, for whoever counts from outside", () => {
  expect(["", "a", "abcd", "abcde", "ééé", "🙂", "a🙂", "日本"].map(simulatedTokens)).toEqual([0, 1, 1, 2, 2, 1, 2, 2]);
});

function answer(change: { promptText?: string; maxTokens?: number; tokens?: number; reasoning?: number }): Answer {
  const { promptText = "prompt", maxTokens = 1000, ...directives } = change;
  return composeAnswer({
    promptText,
    model: "simulated-small",
    seed: undefined,
    choice: 0,
    maxTokens,
    stops: [],
    ignoreEnd: false,
    said: undefined,
    directives: { ...noDirectives(), ...directives },
    mention: "",
    calls: [],
    structure: undefined,
    flaw: undefined,
  });
}

// planted: an asked length was off by the opening words
test("a length asked for is exact, and max_tokens wins over it", () => {
  for (const tokens of [0, 1, 3, 50, 999]) expect(answer({ tokens })).toMatchObject({ tokens, finish: "stop" });
  expect(answer({ tokens: 50, maxTokens: 50 }).finish).toBe("stop");
  expect(answer({ tokens: 51, maxTokens: 50 })).toMatchObject({ tokens: 50, finish: "length" });
  expect(answer({ tokens: 20, reasoning: 30, maxTokens: 40 })).toMatchObject({ tokens: 40, finish: "length" });
  expect(answer({ reasoning: 30, maxTokens: 10 })).toMatchObject({ text: [], finish: "length", tokens: 10 });
});

// planted: the vocabulary was ASCII
test("answers carry multi-byte text and emoji at times, and not always", () => {
  const texts = Array.from({ length: 30 }, (_, index) => answer({ promptText: `prompt ${index}` }).text.join(""));
  expect(texts.some((text) => /\p{Extended_Pictographic}/u.test(text))).toBe(true);
  expect(texts.some((text) => /[^\p{ASCII}]/u.test(text))).toBe(true);
  expect(new Set(texts).size).toBe(30);
});

function cosine(left: string, right: string): number {
  const other = embed(right);
  return embed(left).reduce((sum, value, index) => sum + value * (other[index] ?? 0), 0);
}

// planted: the vector hashed the whole text at once
test("like texts lie close, unlike texts far apart, and every vector has length 1", () => {
  const question = "How do I reset the password of my account?";
  expect(cosine(question, question)).toBeCloseTo(1, 5);
  expect(cosine(question, "How can I reset my account password?")).toBeGreaterThan(0.75);
  expect(cosine(question, "how do i reset the passwords of my accounts")).toBeGreaterThan(0.75);
  expect(cosine(question, "What is the weather in Zürich tomorrow?")).toBeLessThan(0.25);
  fc.assert(
    fc.property(anyText, fc.integer({ min: 1, max: 64 }), (text, dimensions) => {
      const vector = embed(text, dimensions);
      expect(vector).toHaveLength(dimensions);
      expect(Math.hypot(...vector)).toBeCloseTo(1, 4);
    }),
  );
});
