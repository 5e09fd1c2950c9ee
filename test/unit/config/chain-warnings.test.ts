import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compileConfig } from "../../../src/config/compile.ts";

const FILE = `
backends:
  home:
    formats: [openai-chat, openai-embeddings]
    baseUrl: {url: "http://home.example"}
    price: {inputPerMillion: 0, outputPerMillion: 0}
  spare:
    formats: [openai-chat, openai-embeddings]
    baseUrl: {url: "http://spare.example"}
    price: {inputPerMillion: 0, outputPerMillion: 0}
routes:
  chat:
    targets: [{backend: home, model: m}]
    fallbacks: [{backend: spare, model: m}]
tiers:
  free: {}
defaultTier: free
`;

function warnings(from = "", to = ""): readonly string[] {
  if (!FILE.includes(from)) throw new Error(`not in the file: ${from}`);
  const compiled = compileConfig(FILE.replace(from, to), "config/x.yaml");
  if (!compiled.ok) throw new Error(compiled.problems.map(({ text }) => text).join("\n"));
  return compiled.warnings.map(({ text }) => text);
}

// planted: warned of nothing; of the last step too
test("a step whose JSON may outlast the delay budget is warned of, with the place and what to do", () => {
  expect(warnings()).toEqual([
    'config/x.yaml:13: routes.chat.targets[0]: may be silent over JSON until totalMs (900000), and delayBudgetMs (60000) leaves no time for a fallback then; set a totalMs below that, or say collectJson at "home" (always: JSON has a first token too)',
  ]);
  expect(warnings("  chat:\n", "  chat:\n    operation: embed\n")[0]).toMatch(/set a totalMs below that$/);
  expect(warnings("model: m}]\n    fall", "model: m}, {backend: spare, model: n}]\n    fall")).toHaveLength(2);
  expect(warnings('http://home.example"}', 'http://home.example"}\n    collectJson: overDeadline')).toHaveLength(1);
  expect(warnings('http://home.example"}', 'http://home.example"}\n    deadlines: {totalMs: 60000}')).toHaveLength(1);
});

// planted, one by one: each of the reasons not to warn left out
test.each([
  ["a backend that streams", 'home.example"}', 'home.example"}\n    collectJson: always'],
  ["a backend that was decided upon", 'home.example"}', 'home.example"}\n    collectJson: never'],
  ["a shorter deadline", 'home.example"}', 'home.example"}\n    deadlines: {totalMs: 59999}'],
  ["a longer budget", "  chat:\n", "  chat:\n    delayBudgetMs: 900001\n"],
  ["a hedge, for which all is streamed", "  chat:\n", "  chat:\n    hedge: {afterMs: 500}\n"],
  ["a fallback that silence does not lead to", "spare, model: m}", "spare, model: m, on: [connect]}"],
  ["no fallback", "    fallbacks: [{backend: spare, model: m}]\n", ""],
])("nothing is warned of with %s", (_, from, to) => {
  expect(warnings(from, to)).toEqual([]);
});

const root = join(import.meta.dirname, "../../..");

// planted: `collectJson` left out of config/homelab.yaml
test.each(globSync("config/*.yaml", { cwd: root }))("%s is warned of nothing", (file) => {
  const compiled = compileConfig(readFileSync(join(root, file), "utf8"), file);
  expect(compiled.ok && compiled.warnings).toEqual([]);
});
