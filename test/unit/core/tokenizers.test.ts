import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Body, ChatDraft, Draft } from "../../../src/core/draft.ts";
import { TOKENIZER_FAMILIES, type TokenizerFamily } from "../../../src/core/tokenizers.ts";
import { estimateInputTokens, estimateTextTokens } from "../../../src/core/tokens.ts";
import { inAnthropicMessages, inOpenAiChat } from "../../support/drafts.ts";

const folder = new URL("../../fixtures/tokens/", import.meta.url);
const read = (name: string) => readFileSync(new URL(name, folder), "utf8");
/** Counted by the families' own tokenizers: `npm run bench:tokens -- --write`. */
const counted = JSON.parse(read("counted.json")) as Readonly<Record<string, Readonly<Record<string, number>>>>;
const texts = readdirSync(folder)
  .filter((name) => name !== "counted.json")
  .map((name) => [name.replace(/\.txt$/, ""), read(name)] as const);
const families = TOKENIZER_FAMILIES.filter((family) => family !== "other");
/** Scripts whose rule has to hold for several languages are estimated higher in some of them. */
const ROUGH = new Set(["arabic", "hindi", "russian"]);

describe.each(families)("the rules of %s", (family: TokenizerFamily) => {
  // planted: joints free
  test.each(texts)("are above its own tokenizer, and not far: %s", (kind, text) => {
    const ratio = estimateTextTokens(text, family) / (counted[kind]?.[family] ?? 0);
    expect(ratio).toBeGreaterThanOrEqual(1);
    expect(ratio).toBeLessThanOrEqual(ROUGH.has(kind) ? 4.1 : 2);
  });
});

const someText = fc.string({
  unit: fc.constantFrom("word ", "WORD", "42", "{", "é", "क", "中", "😀", "\ud83d", "\ude00", "\n"),
  maxLength: 20,
});
const someTexts = fc.oneof(
  fc.array(someText, { maxLength: 4 }),
  fc.subarray(
    texts.map(([, text]) => text),
    { maxLength: 3 },
  ),
);
const shared = { model: "m", unknownFields: [] } as const;
const generative = { ...shared, stream: false, streamUsage: false, untranslatable: [] } as const;
const chatOf = (texts: readonly string[]): ChatDraft => ({
  ...generative,
  operation: "chat",
  messages: [{ role: "user", content: texts.map((text) => ({ type: "text", text })) }],
});
const body: Body = {
  text: '{"x": "extra"}',
  value: { x: "extra" },
  bytes: 14,
  members: [{ key: "x", start: 1, valueStart: 6, end: 13 }],
};
const anyDraft: fc.Arbitrary<Draft> = fc.oneof(
  inOpenAiChat.map((chat) => ({ ...chat, unknownFields: ["x"] })),
  inAnthropicMessages,
  inOpenAiChat.map((chat): Draft => ({ ...shared, operation: "tokenize", chat })),
  someTexts.map(chatOf),
  fc
    .tuple(someTexts, someText)
    .map(([prompts, suffix]): Draft => ({ ...generative, operation: "complete", prompts, suffix })),
  someTexts.map((inputs): Draft => ({ ...shared, operation: "embed", inputs, encoding: "float" })),
  fc
    .tuple(someText, someTexts)
    .map(([query, documents]): Draft => ({ ...shared, operation: "rerank", query, documents })),
);
const someFamilies = fc.array(fc.constantFrom(...TOKENIZER_FAMILIES), { minLength: 1, maxLength: 4 });

// planted: the most of each text added up; the first of the families taken
test("of several families the one that counts most of the whole request decides", () => {
  fc.assert(
    fc.property(anyDraft, someFamilies, (draft, several) => {
      const alone = several.map((family) => estimateInputTokens(draft, body, [family]));
      expect(estimateInputTokens(draft, body, several)).toBe(Math.max(...alone));
    }),
    { numRuns: 500 },
  );
  const all = chatOf(texts.map(([, text]) => text));
  const alone = TOKENIZER_FAMILIES.map((family) => estimateInputTokens(all, undefined, [family]));
  expect(new Set(alone).size).toBe(TOKENIZER_FAMILIES.length);
  expect(estimateInputTokens(all, undefined, TOKENIZER_FAMILIES)).toBe(Math.max(...alone));
});

// planted: rounded up once, at the end; a query counted once; what one text left counted with the next
test("each text is rounded up by itself, and a query as often as it is read", () => {
  fc.assert(
    fc.property(someText, someTexts, fc.constantFrom(...TOKENIZER_FAMILIES), (query, texts, family) => {
      const count = (text: string) => estimateTextTokens(text, family);
      const sum = texts.reduce((total, text) => total + count(text), 0);
      const estimate = (draft: Draft) => estimateInputTokens(draft, undefined, [family]);
      expect(estimate(chatOf(texts)) - estimate(chatOf([]))).toBe(sum);
      expect(estimate({ ...shared, operation: "rerank", query, documents: texts })).toBe(
        sum + texts.length * (count(query) + 2 + 2),
      );
    }),
  );
});

// planted: no family at all counted as nothing
test("without any family it is the rules for unknown models that count", () => {
  const draft = chatOf([read("hindi.txt")]);
  expect(estimateInputTokens(draft, undefined, [])).toBe(estimateInputTokens(draft, undefined, ["other"]));
});

test("a suffix counts, a document is read beside the query each time, and a count is of its chat", () => {
  expect(estimateInputTokens({ ...generative, operation: "complete", prompts: ["one", [1, 2]], suffix: "two" })).toBe(
    3 + 4 + 1,
  );
  expect(estimateInputTokens({ ...shared, operation: "rerank", query: "one", documents: ["two", "six"] })).toBe(12);
});
