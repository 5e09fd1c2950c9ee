import type { AnyFormat } from "../test/support/caller.ts";
import type { RawRequest } from "../test/support/raw-http.ts";
import type { Pace } from "./config.ts";

/** What fails, as the rows are grouped: each group is run, drained and audited for itself. */
export type Group = "backend" | "tunnel" | "continuation" | "routing" | "client" | "redis" | "postgres" | "isolate";

/**
 * How an answer is made: `streamed` as it runs, `collected` from a backend's stream for a caller who wants JSON, `whole` from a backend's own JSON.
 * The same fault has another truth in each.
 */
export type Mode = "streamed" | "collected" | "whole";

/** What a column is: one way in which a fault can meet a caller. */
export interface Column {
  readonly format: AnyFormat;
  readonly stream: boolean;
  readonly cache: "off" | "on";
  readonly client: "stays" | "leaves";
}

/**
 * What a caller must see; what the books must say of it stands in books.ts.
 * - `answer`: the first target's whole answer; `estimated`: with counts of our own; `unbilled`: with counts of zero; `uncached`: too large to be kept.
 * - `fallback`: the next attempt's whole answer, its first token within the delay budget.
 * - `spared`: the same, and the first target was not asked.
 * - `hedged`: the next attempt's whole answer, asked for beside the first, which was stopped.
 * - `unhedged`: the first target's whole answer, though another was asked beside it and failed.
 * - `continued`: the first target's whole answer, made by it and, from where it broke off, by the next attempt; each charged for its part.
 * - `told`: a part of the first target's text, then this failure as an error frame, and no second start; `seam`: but for
 *   a continuation that did not fit, of which nothing was told.
 * - `failed`: the failure's status and type, and nothing else.
 * - `refused`: the caller's own fault, which names the field; nobody was asked, nothing is booked.
 * - `left`: the caller hung up; settled as cancelled, the generation stopped; `abandoned` where the process died before it could.
 * - `broke`: the connection broke, since the process died; booked as abandoned at what was reserved, or not at all where nothing was.
 * - `unheard`: the caller hung up before anything was admitted: no row, no call.
 * - `ran-on`: the caller hung up and nobody could notice: generated, settled and booked as a whole.
 */
export type Sight =
  | { readonly sees: "answer"; readonly estimated?: true; readonly unbilled?: true; readonly uncached?: true }
  | { readonly sees: "fallback" | "spared" | "hedged" | "unhedged" | "continued" }
  | { readonly sees: "told"; readonly failure: string; readonly seam?: true }
  | { readonly sees: "failed"; readonly failure: string }
  | { readonly sees: "refused"; readonly failure: string; readonly status: number; readonly names: string }
  | { readonly sees: "left"; readonly booked?: "abandoned" }
  | { readonly sees: "unheard" | "ran-on" }
  | { readonly sees: "broke"; readonly booked: "abandoned" | "nothing" };

/** One sight, or several where the moment decides which. */
export type Expectation = readonly Sight[];

/** A client that does something else than to ask. */
export interface Behaviour {
  /** Bytes of its own in place of a well-formed request. */
  readonly raw?: (column: Column, body: Readonly<Record<string, unknown>>) => RawRequest;
  /** Changes a well-formed body. */
  readonly edit?: (body: Readonly<Record<string, unknown>>) => unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Stops reading for so long behind the first byte. */
  readonly pausesMs?: number;
  /** The same request so many times at once, under the same Idempotency-Key. */
  readonly times?: number;
  readonly leaves?: Leave;
}

/** When a client hangs up and how: so long after it asked, or at the first byte of the body. */
export interface Leave {
  readonly at: "first byte" | number;
  readonly how: "close" | "reset";
}

/** What is done to the stack while a row's cells run, in milliseconds from their start. */
export interface Order {
  readonly atMs: number;
  readonly redis?: Readonly<Record<string, unknown>>;
  readonly postgres?: Readonly<Record<string, unknown>>;
  /** Puts a list where Redis keeps the bucket of the row's own key. */
  readonly spoilKey?: true;
  readonly kill?: "gateway" | "ledger" | "seats";
  /** Once more and again until the cells are through. */
  readonly everyMs?: number;
}

/** Where a cell cannot exist, and why. */
export interface Gap {
  readonly where: Partial<Column> & { readonly mode?: Mode };
  readonly why: string;
}

/** One row of the matrix. */
export interface Fault {
  readonly id: string;
  readonly group: Group;
  readonly title: string;
  /** A fault of the simulated backends; `{after}` is a number of tokens that comes behind a leaving client's departure. */
  readonly backend?: string;
  /** The same of the next attempt's backend. */
  readonly next?: string;
  /** Whether the fault is part of what is said, and not only of how. */
  readonly changesText?: true;
  /** Whether the first target alone has it, or every backend. */
  readonly where?: "first" | "everywhere";
  /** Another first target than that of the column's format. */
  readonly first?: string;
  readonly pace?: Pace;
  readonly client?: Behaviour;
  /** Faults of what the stack shares: such a row runs alone, with a tenant of its own. */
  readonly orders?: readonly Order[];
  /** Whether its keys have budgets; they have unless it says `free`. */
  readonly tier?: "budgeted" | "free";
  /** The process dies under it: the second gateway is asked. */
  readonly gateway?: 1;
  /** Markers for the simulated backends that pace the answer. */
  readonly pacing?: string;
  readonly stays: Readonly<Record<Mode, Expectation>>;
  readonly leaves: Expectation;
  /** Where one that leaves while JSON is made for it may see something else. */
  readonly leavesJson?: Expectation;
  /** When a leaving client leaves; otherwise a stream's at the first byte, and one that waits for JSON while the answer is made. */
  readonly departure?: Leave;
  /** Whether the same request, asked again with the cache on, is answered from it; not asked where it is not said. */
  readonly again?: "as said" | "miss";
  readonly gaps?: readonly Gap[];
  /** Columns in which a client that stays must see something else. */
  readonly except?: readonly Exception[];
}

export interface Exception {
  readonly where: Gap["where"];
  readonly stays: Expectation;
}

/** One field of the matrix. */
export interface Cell {
  readonly fault: Fault;
  readonly column: Column;
  readonly mode: Mode;
  /** Its own trace, by which its rows and calls are found. */
  readonly traceId: string;
  readonly alias: string;
  readonly first: string;
  readonly expected: Expectation;
}
