import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Metrics } from "../../../dev/backends/metrics.ts";
import { Seats } from "../../../dev/backends/seats.ts";
import { loadGauges } from "../../../src/stages/load-gauges.ts";
import { METRICS } from "../../../src/telemetry/metrics.ts";

const root = join(import.meta.dirname, "../../..");
const folder = join(root, "docs/runbooks");
const PAGES = readdirSync(folder).map((name) => ({ name, text: readFileSync(join(folder, name), "utf8") }));
/** All that tells operators what to type: the runbooks, and what they lead to. */
const GUIDES = [
  ...PAGES,
  ...[
    "README.md",
    "tunnels/README.md",
    ...readdirSync(join(root, "docs"))
      .filter((name) => name.endsWith(".md"))
      .map((name) => `docs/${name}`),
  ].map((name) => ({ name, text: readFileSync(join(root, name), "utf8") })),
];

/** What vLLM reports and the simulated one does not. */
const VLLM_ONLY = new Set(["vllm:num_preemptions_total"]);
const VLLM = new Set(
  [...new Metrics().text(new Seats(1, 1)).matchAll(/^(vllm:\w+)/gm)].map(([, name = ""]) => name).concat(...VLLM_ONLY),
);

function named(pattern: RegExp, pages = PAGES): readonly (readonly [page: string, name: string])[] {
  return pages.flatMap(({ name, text }) => [...text.matchAll(pattern)].map(([, found = ""]) => [name, found] as const));
}

// planted: a metric renamed in a page, and in another guide
test("every metric that a runbook or guide names is one that is reported", () => {
  const gateway = new Set(
    Object.entries(METRICS).flatMap(([name, { type }]) =>
      type === "histogram" ? [`${name}_sum`, `${name}_count`, `${name}_bucket`] : [name],
    ),
  );
  const found = named(/(\^?\bgateway_\w+)/g, GUIDES).filter(
    ([, name]) => !/^gateway_(unavailable|internal|not_\w+)$/.test(name),
  );
  expect(found.length).toBeGreaterThan(20);
  for (const [page, name] of found) {
    // A pattern's beginning, as in `grep ^gateway_breaker`; that of `^gateway_(attempts|fallbacks)_total` is looked at below.
    const known = name.startsWith("^")
      ? [...gateway].some((metric) => metric.startsWith(name.slice(1)))
      : gateway.has(name);
    expect([page, known], name).toEqual([page, true]);
  }
  for (const [page, name] of named(/(vllm:\w+)/g, GUIDES)) expect([page, VLLM.has(name)], name).toEqual([page, true]);
  for (const [page, start] of named(/gateway_\(([\w|]+)\)/g))
    for (const word of start.split("|"))
      expect([page, [...gateway].some((name) => name.startsWith(`gateway_${word}`))], word).toEqual([page, true]);
});

// planted: a script's name with a letter too many; a command of the command line that does not exist
test("every npm script and command that a runbook or guide names exists", () => {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  const runs = named(/npm run (?:--silent )?([\w:-]+)/g, GUIDES);
  expect(runs.length).toBeGreaterThan(10);
  for (const [page, script] of runs) expect([page, script in scripts], script).toEqual([page, true]);
  const cli = readFileSync(join(root, "cli/main.ts"), "utf8");
  // A group's variable has the group's name.
  const commands = [...cli.matchAll(/(\w+)\s*\.command\("([\w-]+)/g)].map(([, group = "", command = ""]) =>
    group === "program" ? command : `${group} ${command}`,
  );
  const groups = commands.filter((command) => commands.some((other) => other.startsWith(`${command} `)));
  expect(groups).toContain("breaker");
  for (const [page, words] of named(/gateway -- (?!-)([a-z]+(?: [a-z-]+)?)/g, GUIDES)) {
    const [first = ""] = words.split(" ");
    expect([page, commands.includes(groups.includes(first) ? words : first)], words).toEqual([page, true]);
  }
});

// planted: a label misspelt; a kind of load that nobody reports
test("every label that a runbook names is one of that metric's", () => {
  const found = PAGES.flatMap(({ name: page, text }) =>
    [...text.matchAll(/\b(gateway_\w+)\{([^}]*)\}/g)].map(([, name = "", labels = ""]) => ({ page, name, labels })),
  );
  expect(found.length).toBeGreaterThan(20);
  const kinds = new Set(
    Object.keys(
      loadGauges({ home: { up: true, running: 0, waiting: 0, kvCache: 0, prefixHits: 0, readAt: 0, freshUntil: 0 } }),
    ).map((field) => field.split("|").at(-1)),
  );
  for (const { page, name, labels } of found) {
    const known: readonly string[] = METRICS[name.replace(/_(sum|count|bucket)$/, "") as keyof typeof METRICS].labels;
    for (const [, label = "", value = ""] of labels.matchAll(/(\w+)="([^"]*)"/g)) {
      expect([page, name, known.includes(label)], label).toEqual([page, name, true]);
      if (name === "gateway_backend_load" && label === "kind")
        expect([page, kinds.has(value)], value).toEqual([page, true]);
    }
  }
});

// planted: a link to a page that is not there
test("every page is linked, and every link between pages leads to one", () => {
  const index = PAGES.find(({ name }) => name === "README.md")?.text ?? "";
  for (const { name } of PAGES) if (name !== "README.md") expect(index).toContain(`(${name})`);
  for (const [page, target] of named(/\]\(([\w-]+\.md)\)/g))
    expect([page, PAGES.some(({ name }) => name === target)], target).toEqual([page, true]);
});
