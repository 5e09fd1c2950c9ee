import { setTimeout as pause } from "node:timers/promises";
import { seeded, together } from "../test/support/together.ts";
import { AGAIN, ask, type Seen } from "./ask.ts";
import { judge } from "./judge.ts";
import { Orders } from "./orders.ts";
import { References } from "./references.ts";
import { type Act, type Outcome, type Played, settle, Total } from "./settle.ts";
import type { Stage, Troupe } from "./stage.ts";
import type { Cell, Fault, Sight } from "./types.ts";

export interface RunOptions {
  readonly seed: number;
  /** Cells at once, where a fault is of one request alone. */
  readonly atOnce: number;
  onProgress?(line: string): void;
}

const KEPT_WITHIN_MS = 1_000;

/**
 * Runs all cells, then reads their books. Rows that break what is shared run one after the other, each alone; cells whose fault is of one request run
 * side by side, while the leases run out that the first left behind. What flushes Redis comes last, since it takes the others' records along.
 */
export async function run(stage: Stage, cells: readonly Cell[], options: RunOptions): Promise<Outcome> {
  const startedAt = Date.now();
  const total = new Total();
  const references = new References(stage.stack);
  const say = (what: string) =>
    options.onProgress?.(`${what} after ${((Date.now() - startedAt) / 1_000).toFixed(1)} s`);
  const settleAll = async (acts: readonly Act[]) => {
    const settled = await settle(stage, acts, Date.now() - startedAt);
    total.add(
      settled,
      acts.flatMap(({ played }) => played),
    );
    say(`books of ${acts.length} tenants read`);
  };
  const alone = async (row: readonly Cell[]) => {
    const act = await playAlone(stage, row, references);
    say(`${row[0]?.fault.id}: ${row.length} cells asked`);
    return act;
  };

  const rows = [...Map.groupBy(cells, ({ fault }) => fault)];
  const acts: Act[] = [];
  for (const [fault, row] of rows) if (fault.orders && !flushes(fault)) acts.push(await alone(row));
  const own = cells.filter(({ fault }) => fault.orders === undefined);
  if (own.length > 0) acts.push(await playTogether(stage, own, references, options));
  say(`${own.length} cells of single requests asked`);
  if (acts.length > 0) await settleAll(acts);
  for (const [fault, row] of rows) if (fault.orders && flushes(fault)) await settleAll([await alone(row)]);
  return { ...total.outcome(), tookMs: Date.now() - startedAt };
}

async function playTogether(
  stage: Stage,
  cells: readonly Cell[],
  references: References,
  { seed, atOnce }: RunOptions,
): Promise<Act> {
  const warm = cells.filter(({ fault }) => fault.first === undefined).map(({ alias }) => alias);
  const troupe = await stage.troupe("requests", "budgeted", warm);
  const first = await together(shuffled(cells, seed), atOnce, (cell) => play(stage, troupe, cell, references));
  // The last answers must have been kept by then.
  await pause(KEPT_WITHIN_MS);
  const played = await together(first, atOnce, (each) => playAgain(stage, troupe, each, references));
  return { troupe, played, comparesLimits: true };
}

/** A row that breaks what all requests share. */
async function playAlone(stage: Stage, cells: readonly Cell[], references: References): Promise<Act> {
  const [{ fault }] = cells as readonly [Cell];
  const warm = cells.map(({ alias }) => alias);
  const troupe = await stage.troupe(fault.id, fault.tier ?? "budgeted", warm);
  const orders = await Orders.begin(stage, troupe, fault);
  const first = await Promise.all(cells.map((cell) => play(stage, troupe, cell, references)));
  const played = await Promise.all(first.map((each) => playAgain(stage, troupe, each, references)));
  await orders.end();
  await stage.mend(fault.orders?.some(({ spoilKey }) => spoilKey) ? troupe : undefined);
  return { troupe, played, comparesLimits: isCountable(fault) };
}

/** Whether Redis hears of each request once and keeps it, so that its buckets and sums must be the rows'. */
const isCountable = (fault: Fault): boolean =>
  !flushes(fault) &&
  fault.tier !== "free" &&
  fault.stays.whole.every(({ sees }) => sees === "answer" || sees === "broke");

/** Whether a row empties Redis: budgets are closed for a while after it. */
export const flushes = ({ orders = [] }: Fault): boolean => orders.some(({ redis }) => redis?.flush === true);

async function play(stage: Stage, { key }: Troupe, cell: Cell, references: References): Promise<Played> {
  const { fault } = cell;
  const gateway = stage.stack.gateways[fault.gateway ?? 0] ?? stage.stack.gateway;
  const said = await references.of(cell);
  const copies = Array.from({ length: fault.client?.times ?? 1 }, (_, variant) => variant);
  const asked = await Promise.all(copies.map((variant) => ask(gateway, key, cell, variant)));
  const seen: { variant: number; fitting: readonly Sight[] }[] = [];
  let instead: string | undefined;
  for (const [variant, one] of asked.entries()) {
    const { fitting, instead: other } = judge(cell, one, said);
    instead ??= other ?? wrongCache(cell, one, false);
    seen.push({ variant, fitting });
  }
  return { cell, seen, ...(instead !== undefined && { instead }) };
}

/** Asks once more where the cache is on: what is whole and the first target's own comes from it, and nothing else does. */
async function playAgain(stage: Stage, { key }: Troupe, played: Played, references: References): Promise<Played> {
  const { cell, seen } = played;
  const { fault, column } = cell;
  const isAsked = fault.again !== undefined && column.cache === "on" && column.client === "stays";
  if (!isAsked || played.instead !== undefined) return played;
  const gateway = stage.stack.gateways[fault.gateway ?? 0] ?? stage.stack.gateway;
  const again = await ask(gateway, key, cell, AGAIN);
  const isKept = seen.some(({ fitting }) => fitting.some((sight) => sight.sees === "answer" && !sight.uncached));
  const { instead: other } = judge(cell, again, await references.of(cell));
  const instead = other ?? wrongCache(cell, again, fault.again === "as said" && isKept);
  return { ...played, ...(instead !== undefined && { instead: `asked again: ${instead}` }) };
}

/** A whole answer says whether it came from the cache. */
function wrongCache({ column }: Cell, { end, status, headers }: Seen, isKept: boolean): string | undefined {
  if (end !== "whole" || status !== 200) return undefined;
  const wanted = column.cache === "off" ? "BYPASS" : isKept ? "HIT" : "MISS";
  const told = headers["x-gateway-cache"];
  return told === wanted ? undefined : `cache ${String(told)}, not ${wanted}`;
}

/** In an order that the seed decides. */
export function shuffled<Item>(items: readonly Item[], seed: number): readonly Item[] {
  const random = seeded(seed);
  return items
    .map((item) => ({ item, place: random() }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ item }) => item);
}
