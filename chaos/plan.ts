import { randomBytes } from "node:crypto";
import { COLUMNS, cellOf } from "./columns.ts";
import { flushes, shuffled } from "./run.ts";
import { FAULTS } from "./table/index.ts";
import type { Cell, Fault, Gap } from "./types.ts";

/** Each row with its fields in the order of the columns. */
export type Rows = ReadonlyMap<Fault, readonly (Cell | Gap)[]>;

/** What is to be said of names that are neither a fault's nor a group's; undefined where there are none. */
export function namesUnknown(only: readonly string[]): string | undefined {
  const known = new Set(FAULTS.flatMap(({ id, group }) => [id, group]));
  const unknown = only.filter((name) => !known.has(name as Fault["group"]));
  if (unknown.length === 0) return undefined;
  return `no fault or group ${unknown.join(", ")}; there are: ${[...known].join(", ")}`;
}

/** The rows whose id or group is named, all of them where none is. Throws where a name is none. */
export function rowsOf(only: readonly string[] = []): Rows {
  const unknown = namesUnknown(only);
  if (unknown !== undefined) throw new Error(unknown);
  const chosen = FAULTS.filter(({ id, group }) => only.length === 0 || only.includes(id) || only.includes(group));
  const run = randomBytes(8).toString("hex");
  let number = 0;
  return new Map(
    chosen.map((fault) => [fault, COLUMNS.map((column) => cellOf(fault, column, run, ++number))] as const),
  );
}

export const cellsOf = (rows: Rows): readonly Cell[] =>
  [...rows.values()].flat().filter((field): field is Cell => !("why" in field));

/** So many cells of each row, and so many of the rows that must run alone; which of them the seed decides. */
export function sampleOf(
  rows: Rows,
  seed: number,
  size: { readonly perRow: number; readonly alone: number },
): readonly Cell[] {
  // What empties Redis costs the time of a quarantine.
  const alone = shuffled(
    [...rows.keys()].filter((fault) => fault.orders !== undefined && !flushes(fault)),
    seed,
  );
  const groups = Map.groupBy(alone, ({ group }) => group);
  const chosen = new Set([...groups.values()].flatMap((faults) => faults.slice(0, size.alone)));
  return [...rows].flatMap(([fault, fields], place) => {
    if (fault.orders !== undefined && !chosen.has(fault)) return [];
    const cells = fields.filter((field): field is Cell => !("why" in field));
    return shuffled(cells, seed + place).slice(0, fault.orders ? size.perRow * 3 : size.perRow);
  });
}
