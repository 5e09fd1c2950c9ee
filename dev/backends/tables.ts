import { readFileSync, writeFileSync } from "node:fs";
import { MARKERS } from "./directives.ts";
import { COMMON_PARAMETERS } from "./faults/call.ts";
import type { Fault } from "./faults/parameters.ts";
import { ADDRESS_FAULTS, FAULTS } from "./faults/table.ts";

/**
 * The README's tables, made from the code: `node dev/backends/tables.ts` writes them between the README's marks, and a test fails when they differ.
 */
const README = new URL("./README.md", import.meta.url);

function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(heading), line(heading.map(() => "---")), ...rows.map(line)].join("\n");
}

function faultRow([name, fault]: readonly [string, Fault]): string[] {
  const parameters = Object.entries(fault.parameters).map(([parameter, meaning]) => `\`${parameter}\`: ${meaning}`);
  return [`\`${name}\``, fault.summary, parameters.join("; "), fault.outcome];
}

/** The tables by the name of their mark. */
export const README_TABLES: Readonly<Record<string, string>> = {
  markers: table(
    ["marker", "what it does"],
    Object.entries(MARKERS).map(([name, { summary }]) => [`\`${name}\``, summary]),
  ),
  faults: table(
    ["fault", "what the client sees", "parameters", "outcome in the tally"],
    Object.entries(FAULTS).map(faultRow),
  ),
  common: table(
    ["parameter of every fault", "meaning"],
    Object.entries(COMMON_PARAMETERS).map(([name, meaning]) => [`\`${name}\``, meaning]),
  ),
  addresses: table(
    ["fault by address", "how"],
    Object.entries(ADDRESS_FAULTS).map(([name, how]) => [`\`${name}\``, how]),
  ),
};

/** The README's text with every table as the code has it. */
export function withCurrentTables(readme: string): string {
  return readme.replaceAll(/<!-- table (\w+) -->[\s\S]*?<!-- end -->/g, (_, name: string) => {
    return `<!-- table ${name} -->\n${README_TABLES[name] ?? "no such table"}\n<!-- end -->`;
  });
}

if (import.meta.main) writeFileSync(README, withCurrentTables(readFileSync(README, "utf8")));
