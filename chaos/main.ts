/**
 * `npm run chaos [-- --only redis,cut-fin --seed 7 --at-once 16 --sample 2 --json]`: the fault table × streamed or not × format × cache × client stays
 * or leaves, against the whole stack. Prints what was expected and what was seen as a matrix, and ends with 1 on any difference.
 */
import { readArguments, wrongUsage } from "../scripts/arguments.ts";
import { cellsOf, namesUnknown, rowsOf, sampleOf } from "./plan.ts";
import { matrix, totals } from "./report.ts";
import { run } from "./run.ts";
import { setStage } from "./stage.ts";

const USAGE = `usage: npm run chaos [-- options]

Every fault, asked in every way, against the whole stack; prints a matrix of expected and seen (docs/chaos.md).

  --only <list>      ids of faults or groups, joined by commas
  --seed <number>    of the order, and of the sample; default 1
  --at-once <number> requests at once; default 16
  --sample <number>  so many cells of each row in place of all
  --json             the outcome as JSON`;

const { values } = readArguments(USAGE, {
  only: { type: "string" },
  seed: { type: "string", default: "1" },
  "at-once": { type: "string", default: "16" },
  sample: { type: "string" },
  json: { type: "boolean", default: false },
});
const only = values.only?.split(",") ?? [];
const unknown = namesUnknown(only);
if (unknown !== undefined) wrongUsage(unknown, USAGE);
for (const name of ["seed", "at-once", "sample"] as const) {
  const number = values[name];
  if (number !== undefined && !/^[0-9]{1,9}$/.test(number)) wrongUsage(`--${name} ${number}: give a number`, USAGE);
}
const seed = Number(values.seed);
const rows = rowsOf(only);
const cells = values.sample ? sampleOf(rows, seed, { perRow: Number(values.sample), alone: 1 }) : cellsOf(rows);
const say = (line: string) => console.error(line);
say(`${cells.length} cells, seed ${seed}`);
const stage = await setStage();
try {
  const outcome = await run(stage, cells, { seed, atOnce: Number(values["at-once"]), onProgress: say });
  if (values.json) {
    const { verdicts, ...rest } = outcome;
    const told = verdicts.map(({ cell, instead }) => ({
      fault: cell.fault.id,
      group: cell.fault.group,
      ...cell.column,
      mode: cell.mode,
      expected: cell.expected,
      ...(instead !== undefined && { instead }),
    }));
    const gaps = [...rows].flatMap(([fault, fields]) =>
      fields.flatMap((field) => ("why" in field ? [{ fault: fault.id, why: field.why }] : [])),
    );
    console.log(JSON.stringify({ seed, ...rest, cells: told, gaps }, null, 2));
  } else {
    console.log([matrix(rows, outcome), "", ...totals(rows, outcome)].join("\n"));
  }
  const isWrong = outcome.problems.length > 0 || outcome.verdicts.some(({ instead }) => instead !== undefined);
  process.exitCode = isWrong ? 1 : 0;
} finally {
  await stage.stop();
  // A gateway that did not do as it should may have left connections that nobody will end.
  process.stdout.write("", () => process.exit());
}
