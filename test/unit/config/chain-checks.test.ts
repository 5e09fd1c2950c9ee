import { expect, test } from "vitest";
import { compileConfig } from "../../../src/config/compile.ts";

const FILE = `
backends:
  home:
    formats: [openai-chat, openai-embeddings]
    baseUrl: {url: "http://home.example"}
    price: {inputPerMillion: 0, outputPerMillion: 0}
  claude:
    formats: [anthropic-messages]
    baseUrl: {url: "https://claude.example"}
    models:
      haiku: {price: {inputPerMillion: 1, outputPerMillion: 5}}
routes:
  chat:
    targets:
      - {backend: home, model: small}
    fallbacks:
      - {backend: claude, model: haiku}
  embed:
    operation: embed
    targets:
      - {backend: home, model: bge}
tiers:
  free: {}
defaultTier: free
`;

/** The file with one text replaced; fails when the text is not there, so that a test cannot pass by accident. */
function edited(from: string, to: string) {
  if (!FILE.includes(from)) throw new Error(`not in the file: ${from}`);
  return compileConfig(FILE.replace(from, to), "config/x.yaml");
}

test("what a chain says is kept step by step", () => {
  const ceiling = { inputPerMillion: 2, outputPerMillion: 9 };
  const step =
    "model: haiku, on: [context, first-token], contextTokens: 9000, delayBudgetMs: 70, priceCeiling: {inputPerMillion: 2, outputPerMillion: 9}}";
  const made = edited("model: haiku}", `${step}\n    fallbackOn: [error, first-token]\n    hedge: {afterMs: 50}`);
  const chat = made.ok ? made.config.routes.chat : undefined;
  expect(chat?.targets[0]).toMatchObject({ on: ["error", "first-token"] });
  expect(chat?.fallbacks[0]).toMatchObject({
    on: ["context", "first-token"],
    contextTokens: 9_000,
    delayBudgetMs: 70,
    priceCeiling: ceiling,
  });
  expect(chat?.hedge).toEqual({ afterMs: 50, share: 0.1 });
});

test.each([
  // planted, one by one: each check of chain-checks.ts returning no finding
  [
    "a word that leads nowhere",
    "model: haiku}",
    "model: haiku, on: [timeout]}",
    /fallbacks\[0\]\.on\[0\]: must be one of connect, first-token/,
  ],
  ["a step that nothing leads to", "model: haiku}", "model: haiku, on: []}", /fallbacks\[0\]\.on: needs at least one/],
  [
    "a larger context of unknown size",
    "model: haiku}",
    "model: haiku, on: [context]}",
    /fallbacks\[0\]\.on: context leads to a larger model, and nothing says how large/,
  ],
  [
    "a step above its ceiling",
    "model: haiku}",
    "model: haiku, priceCeiling: {inputPerMillion: 1, outputPerMillion: 4}}",
    /fallbacks\[0\]: costs more than its own priceCeiling/,
  ],
  [
    "a step above the route's ceiling",
    "    fallbacks:",
    "    priceCeiling: {inputPerMillion: 0, outputPerMillion: 9}\n    fallbacks:",
    /fallbacks\[0\]: costs more than the route's priceCeiling/,
  ],
  [
    "a step with more time than the whole",
    "model: haiku}",
    "model: haiku, delayBudgetMs: 60001}",
    /delayBudgetMs: 60001 is more than the whole route's \(60000\)/,
  ],
  [
    "triggers without a second step",
    "    operation: embed\n",
    "    operation: embed\n    fallbackOn: [error]\n",
    /targets: is the whole chain/,
  ],
  [
    "a hedge of vectors",
    "    operation: embed\n",
    "    operation: embed\n    hedge: {afterMs: 100}\n",
    /hedge: only answers that stream have a first token/,
  ],
  [
    "a hedge that nobody is there for",
    "    fallbacks:",
    "    hedge: {afterMs: 100}\n    fallbackOn: [error]\n    fallbacks:",
    /hedge: there is no second step that first-token leads to/,
  ],
  [
    "a hedge that comes too late",
    "    fallbacks:",
    "    hedge: {afterMs: 60000}\n    fallbacks:",
    /hedge\.afterMs: is not less than delayBudgetMs/,
  ],
])("%s is a problem", (_, from, to, expected) => {
  const made = edited(from, to);
  expect(made.ok ? "no problem" : made.problems.map(({ text }) => text).join("\n")).toMatch(expected);
});
