import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { ChatDraft } from "../../../src/core/draft.ts";
import { TOKENIZER_FAMILIES, type TokenizerFamily } from "../../../src/core/tokenizers.ts";
import { estimateInputTokens, estimateTextTokens } from "../../../src/core/tokens.ts";

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

// planted: the first of the families taken
test("of several families the one that counts most decides", () => {
  const text = read("hindi.txt");
  const draft: ChatDraft = {
    operation: "chat",
    model: "m",
    stream: false,
    streamUsage: false,
    messages: [{ role: "user", content: [{ type: "text", text }] }],
    unknownFields: [],
    untranslatable: [],
  };
  const each = (["o200k", "mistral", "gemma"] as const).map((family) =>
    estimateInputTokens(draft, undefined, [family]),
  );
  expect(new Set(each).size).toBeGreaterThan(1);
  expect(estimateInputTokens(draft, undefined, ["o200k", "mistral", "gemma"])).toBe(Math.max(...each));
});

test("a suffix counts, a document is read beside the query each time, and a count is of its chat", () => {
  const shared = { model: "m", unknownFields: [] } as const;
  const complete = { ...shared, operation: "complete", stream: false, streamUsage: false, untranslatable: [] } as const;
  expect(estimateInputTokens({ ...complete, prompts: ["one", [1, 2]], suffix: "two" })).toBe(3 + 4 + 1);
  expect(estimateInputTokens({ ...shared, operation: "rerank", query: "one", documents: ["two", "six"] })).toBe(12);
});
