import type { BaseConfig } from "../src/core/config.ts";
import { type Books, type Call, isEstimated, type Row } from "../test/support/books.ts";
import { auditAttempts, type Problems } from "../test/support/storm-audit.ts";
import { variantOf } from "./ask.ts";
import { DELAY_BUDGET_MS, isMute, nextAfter, processOf } from "./config.ts";
import type { Cell, Sight } from "./types.ts";
import { wireFailure } from "./wire-failures.ts";

/** What the books hold of one request. */
interface Entry {
  readonly row: Row | undefined;
  readonly charges: readonly Row[];
  readonly calls: readonly Call[];
}

/** Everything that is kept, found by the trace that a client gave its request. */
export class Shelf {
  readonly books: Books;
  readonly #rows: ReadonlyMap<string, readonly Row[]>;
  readonly #calls: ReadonlyMap<string, readonly Call[]>;

  constructor(books: Books) {
    this.books = books;
    this.#rows = Map.groupBy(books.rows.values(), (row) => row.trace_id ?? "");
    this.#calls = Map.groupBy([...books.calls.values()].flat(), (call) => call.traceId ?? "");
  }

  traceOf(cell: Cell, variant: number): string {
    return variantOf(cell.traceId, variant);
  }

  /** Whether a request of this trace is one of the cell's. */
  isOf(cellTrace: string, trace: string): boolean {
    return variantOf(trace, 0) === cellTrace;
  }

  /** What does not fit into any of the sights that fitted what the client saw; undefined where one fits. */
  problemOf(cell: Cell, sights: readonly Sight[], variant = 0): string | undefined {
    const trace = variantOf(cell.traceId, variant);
    const rows = this.#rows.get(trace) ?? [];
    if (rows.length > 1) return `${rows.length} rows of one request`;
    const [row] = rows;
    const entry = { row, charges: this.books.charges.get(row?.id ?? "") ?? [], calls: this.#calls.get(trace) ?? [] };
    const problems = sights.map((sight) => problemOf(sight, cell, entry));
    return problems.includes(undefined) ? undefined : problems.join("; or ");
  }
}

const inWords = ({ row, calls }: Entry): string =>
  `${row ? `${row.outcome} ${row.failure ?? ""}`.trim() : "no row"}, ${calls.length} calls (${calls
    .map(({ backend, outcome, tokensDelivered }) => `${backend} ${outcome} ${tokensDelivered}`)
    .join(", ")})`;

/** The backend made all of it, whether or not somebody took the very last byte. */
const isMade = ({ outcome, finishDelivered }: Call): boolean => outcome === "completed" || finishDelivered;

/** The last charge is this backend's and whole, and so says its own tally. (Calls of two processes are in no order: their clocks are of whole milliseconds.) */
function isAnsweredBy(backend: string, { row, charges, calls }: Entry): boolean {
  const last = charges.at(-1);
  const isWhole = row?.outcome === "completed" && last?.outcome === "completed";
  const isAt = (name: string | null | undefined) => processOf(name ?? "") === processOf(backend);
  return isWhole && isAt(last?.backend) && calls.some((call) => isAt(call.backend) && isMade(call));
}

/** What is wrong where the attempts are not these, each by its kind and outcome, or something else does not fit. */
function charged(wanted: string, entry: Entry, fits: boolean): string | undefined {
  const kinds = entry.charges.map(({ kind, outcome }) => `${kind} ${outcome}`).join(", ");
  if (kinds !== wanted) return `charged: ${kinds}`;
  return fits ? undefined : `the books say: ${inWords(entry)}`;
}

/** What the books must say of each sight. */
function problemOf(sight: Sight, cell: Cell, entry: Entry): string | undefined {
  const { row, charges, calls } = entry;
  const told = `the books say: ${inWords(entry)}`;
  const is = (fact: boolean, what = told) => (fact ? undefined : what);
  const last = calls.at(-1);
  switch (sight.sees) {
    case "answer": {
      if (!isAnsweredBy(cell.first, entry)) return told;
      if (row && isEstimated(row) !== (sight.estimated === true)) return `estimated is ${row.estimated}`;
      return is(
        sight.unbilled === true ? Number(row?.cost_nano_usd) === 0 : Number(row?.cost_nano_usd) > 0,
        "a wrong cost",
      );
    }
    case "fallback": {
      if (!isAnsweredBy(nextAfter(cell.first), entry)) return told;
      if (charges.length < 2) return `${charges.length} charges, and a fallback answered`;
      const firstTokenMs = Number(row?.first_token_ms ?? row?.duration_ms);
      return is(firstTokenMs <= DELAY_BUDGET_MS, `the first token after ${firstTokenMs} ms`);
    }
    case "spared":
      return is(isAnsweredBy(nextAfter(cell.first), entry) && charges.length === 1 && calls.length === 1);
    case "hedged":
      return charged("attempt cancelled, hedge completed", entry, isAnsweredBy(nextAfter(cell.first), entry));
    case "unhedged":
      return charged("attempt completed, hedge failed", entry, row?.outcome === "completed");
    case "continued":
      return charged("attempt failed, continuation completed", entry, isAnsweredBy(nextAfter(cell.first), entry));
    case "told":
      if (sight.seam) return charged("attempt failed, continuation failed", entry, row?.outcome === "failed");
      if (calls.length !== 1) return `a second start: ${told}`;
      if (last?.backend !== processOf(cell.first)) return `another backend than the first began: ${told}`;
      return is(row?.outcome === "failed" && row.failure === sight.failure && row.http_status === "200");
    case "failed":
    case "refused":
      if (sight.failure.startsWith("backend_")) {
        const { status } = wireFailure(cell.column.format, sight.failure);
        return is(row?.outcome === "failed" && row.failure === sight.failure && row.http_status === String(status));
      }
      return is((row === undefined || row.outcome === "refused") && calls.length === 0);
    case "left": {
      if (sight.booked === "abandoned") return is(row?.outcome === "abandoned" && calls.length === 0);
      if (row?.outcome !== "cancelled") return told;
      const stopped = processOf(charges.at(-1)?.backend ?? "");
      const wentOn = calls.some((call) => call.backend === stopped && isMade(call));
      return is(!wentOn, `nobody listened, and the generation went on: ${told}`);
    }
    case "unheard":
      return is((row === undefined || ["cancelled", "refused"].includes(row.outcome ?? "")) && calls.length === 0);
    case "ran-on":
      return is(row?.outcome === "completed" && last?.outcome === "completed");
    case "broke":
      return sight.booked === "nothing"
        ? is(row === undefined && calls.length === 0)
        : is(row?.outcome === "abandoned" && row.cost_nano_usd === row.reserved_nano_usd);
  }
}

/** The ledger beside the tallies, request by request; rows and records beside each other; nothing left of a reservation. */
export function auditBooks(books: Books, config: BaseConfig): Problems {
  const problems = [...auditAttempts(books, config, { processOf, isMute })];
  for (const [id, row] of books.rows) {
    const charges = books.charges.get(id) ?? [];
    const say = (what: string) => problems.push(`${id} ${row.outcome}: ${what}`);
    if (charges.length !== Number(row.attempts)) say(`${row.attempts} attempts, ${charges.length} charges`);
    if (charges.some(({ ordinal }, place) => Number(ordinal) !== place)) say("charges are not numbered from 0");
    const isAsked = (books.calls.get(id)?.length ?? 0) > 0;
    if (!isAsked && row.outcome !== "abandoned" && Number(row.cost_nano_usd) > 0)
      say("charged, and no backend was asked");
  }
  return [...problems, ...auditReservations(books)];
}

/** Nothing may stay taken: no lease that holds a seat of `concurrency`, no money or record that waits for an end. */
export function auditReservations(books: Books): Problems {
  const problems: string[] = [];
  for (const [name, held] of books.redis) {
    const fields = Object.entries(held);
    if (name.startsWith("l:") && fields.length > 0) problems.push(`${name}: leases of ${Object.keys(held).join()}`);
    const reserved = fields
      .filter(([field]) => field.startsWith("r:"))
      .reduce((sum, [, value]) => sum + Number(value), 0);
    if (name.startsWith("m:") && reserved !== 0) problems.push(`${name}: ${reserved} still reserved`);
    if (name.startsWith("rec:") && held.state === "leased") problems.push(`${name.slice(4)}: still leased`);
    if (name === "due" && fields.length > 0) problems.push(`still due: ${Object.keys(held).join()}`);
  }
  return problems;
}

/** Calls of which no row tells: a backend worked, and nobody was charged. */
export function auditUnknownCalls(books: Books, traces: ReadonlySet<string>): Problems {
  return [...books.calls]
    .filter(([id, calls]) => !books.rows.has(id) && calls.some(({ traceId }) => traces.has(traceId ?? "")))
    .map(([id, calls]) => `${id}: ${calls.length} calls, and no row`);
}
