import { drained, quiet, readBooks } from "../test/support/books.ts";
import { auditLimits } from "../test/support/storm-totals.ts";
import { auditBooks, auditUnknownCalls, Shelf } from "./books.ts";
import type { Stage, Troupe } from "./stage.ts";
import type { Cell, Sight } from "./types.ts";

/** Beside what the cells took: the wait for the ends of leases, in which buckets refill too. */
const BUCKET_SLACK_MS = 60_000;

/** What became of a cell: nothing to say where all is as expected. */
export interface Verdict {
  readonly cell: Cell;
  readonly instead?: string;
}

/** What became of the matrix. */
export interface Outcome {
  readonly verdicts: readonly Verdict[];
  /** What the books hold wrong that is of no single cell. */
  readonly problems: readonly string[];
  readonly requests: number;
  readonly rows: number;
  readonly calls: number;
  readonly tookMs: number;
}

/** A cell with what its requests saw, before the books are asked. */
export interface Played {
  readonly cell: Cell;
  readonly seen: readonly { readonly variant: number; readonly fitting: readonly Sight[] }[];
  readonly instead?: string;
}

export interface Act {
  readonly troupe: Troupe;
  readonly played: readonly Played[];
  /** Whether nothing happened to Redis, so that its buckets and sums must be the rows'. */
  readonly comparesLimits: boolean;
}

export interface Settled {
  readonly verdicts: readonly Verdict[];
  readonly problems: readonly string[];
  readonly rows: number;
  readonly calls: number;
}

/** Waits until nothing is under way any more and compares the books with the tallies and with what the callers saw. */
export async function settle({ stack }: Stage, acts: readonly Act[], tookMs: number): Promise<Settled> {
  const verdicts: Verdict[] = [];
  const problems: string[] = [];
  let rows = 0;
  let calls = 0;
  const undrained = new Map<string, string>();
  for (const { troupe } of acts) {
    await drained(stack, troupe.tenant).catch((error: unknown) => undrained.set(troupe.tenant, String(error)));
  }
  await quiet(stack);
  for (const { troupe, played, comparesLimits } of acts) {
    const books = await readBooks(stack, troupe.tenant);
    const shelf = new Shelf(books);
    const traces = new Set(played.flatMap(({ cell, seen }) => seen.map(({ variant }) => shelf.traceOf(cell, variant))));
    rows += books.rows.size;
    calls += [...books.rows.keys()].reduce((sum, id) => sum + (books.calls.get(id)?.length ?? 0), 0);
    const found = [
      ...(undrained.has(troupe.tenant) ? [undrained.get(troupe.tenant) ?? ""] : []),
      ...auditBooks(books, stack.config),
      ...auditUnknownCalls(books, traces),
      ...(comparesLimits ? auditLimits(books, stack.config, tookMs + BUCKET_SLACK_MS) : []),
    ];
    const ofCells = new Map<string, string>();
    for (const problem of found) {
      const trace = books.rows.get(/^[\w-]+/.exec(problem)?.[0] ?? "")?.trace_id;
      const cell = trace && played.find(({ cell: { traceId } }) => shelf.isOf(traceId, trace))?.cell;
      if (cell) ofCells.set(cell.traceId, `${ofCells.get(cell.traceId) ?? ""}${problem}; `);
      else problems.push(`${troupe.tenant}: ${problem}`);
    }
    for (const { cell, seen, instead: other } of played) {
      const wrong =
        other ??
        seen
          .map(({ variant, fitting }) => shelf.problemOf(cell, fitting, variant))
          .find((each) => each !== undefined) ??
        ofCells.get(cell.traceId);
      verdicts.push({ cell, ...(wrong !== undefined && { instead: wrong }) });
    }
  }
  return { verdicts, problems, rows, calls };
}

export class Total {
  readonly #verdicts: Verdict[] = [];
  readonly #problems: string[] = [];
  #requests = 0;
  #rows = 0;
  #calls = 0;

  add({ verdicts, problems, rows, calls }: Settled, played: readonly Played[]): void {
    this.#verdicts.push(...verdicts);
    this.#problems.push(...problems);
    this.#requests += played.reduce((sum, { seen }) => sum + seen.length, 0);
    this.#rows += rows;
    this.#calls += calls;
  }

  outcome(): Omit<Outcome, "tookMs"> {
    const [verdicts, problems] = [this.#verdicts, this.#problems];
    return { verdicts, problems, requests: this.#requests, rows: this.#rows, calls: this.#calls };
  }
}
