import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Metrics } from "../../../dev/backends/metrics.ts";
import { Seats } from "../../../dev/backends/seats.ts";
import { METRICS } from "../../../src/telemetry/metrics.ts";

const root = join(import.meta.dirname, "../../..");
const folder = join(root, "docs/runbooks");
const PAGES = readdirSync(folder).map((name) => ({ name, text: readFileSync(join(folder, name), "utf8") }));

/** What vLLM reports and the simulated one does not. */
const VLLM_ONLY = new Set(["vllm:num_preemptions_total"]);
const VLLM = new Set(
  [...new Metrics().text(new Seats(1, 1)).matchAll(/^(vllm:\w+)/gm)].map(([, name = ""]) => name).concat(...VLLM_ONLY),
);

function named(pattern: RegExp): readonly (readonly [page: string, name: string])[] {
  return PAGES.flatMap(({ name, text }) => [...text.matchAll(pattern)].map(([, found = ""]) => [name, found] as const));
}

// planted: a metric renamed in a page
test("every metric that a runbook names is one that is reported", () => {
  const gateway = new Set(
    Object.entries(METRICS).flatMap(([name, { type }]) =>
      type === "histogram" ? [`${name}_sum`, `${name}_count`, `${name}_bucket`] : [name],
    ),
  );
  const found = named(/\b(gateway_\w+)/g).filter(([, name]) => !/^gateway_(unavailable|internal|not_\w+)$/.test(name));
  expect(found.length).toBeGreaterThan(20);
  // A pattern's beginning, as in `^gateway_(attempts|fallbacks)_total`, is written out.
  for (const [page, name] of found)
    if (name !== "gateway_") expect([page, gateway.has(name)], name).toEqual([page, true]);
  for (const [page, name] of named(/(vllm:\w+)/g)) expect([page, VLLM.has(name)], name).toEqual([page, true]);
  for (const [page, start] of named(/gateway_\(([\w|]+)\)/g))
    for (const word of start.split("|"))
      expect([page, [...gateway].some((name) => name.startsWith(`gateway_${word}`))], word).toEqual([page, true]);
});

// planted: a script's name with a letter too many; a command of the command line that does not exist
test("every npm script and command that a runbook names exists", () => {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  const runs = named(/npm run (?:--silent )?([\w:-]+)/g);
  expect(runs.length).toBeGreaterThan(10);
  for (const [page, script] of runs) expect([page, script in scripts], script).toEqual([page, true]);
  const cli = readFileSync(join(root, "cli/main.ts"), "utf8");
  for (const [page, words] of named(/gateway -- ([a-z]+(?: [a-z]+)?)\b/g)) {
    for (const word of words.split(" ").filter((one) => one !== "req"))
      expect([page, new RegExp(`command\\("${word}[ "]`).test(cli)], word).toEqual([page, true]);
  }
});

// planted: a link to a page that is not there
test("every page is linked, and every link between pages leads to one", () => {
  const index = PAGES.find(({ name }) => name === "README.md")?.text ?? "";
  for (const { name } of PAGES) if (name !== "README.md") expect(index).toContain(`(${name})`);
  for (const [page, target] of named(/\]\(([\w-]+\.md)\)/g))
    expect([page, PAGES.some(({ name }) => name === target)], target).toEqual([page, true]);
});
