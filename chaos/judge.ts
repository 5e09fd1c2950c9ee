import { readFailure, readStream, textOfAnswer } from "../test/support/caller.ts";
import { NOT_FOR_CALLERS } from "../test/support/not-for-callers.ts";
import type { Seen } from "./ask.ts";
import { DELAY_BUDGET_MS } from "./config.ts";
import type { Cell, Sight } from "./types.ts";
import { wireFailure } from "./wire-failures.ts";

/** Failures that say when to come back. */
const WORTH_WAITING: ReadonlySet<string> = new Set(["backend_overloaded", "gateway_unavailable"]);

/**
 * By so much the client's own clock may exceed the delay budget until an answer that nothing holds up: it ran for admission, for what this machine
 * does beside, and for the few tokens of the answer too.
 */
const SLACK_MS = 4_000;

/** What the caller was told, whatever its form. */
interface Told {
  readonly text: string;
  readonly failure?: { readonly type: string; readonly message: string; readonly param?: string | null };
  /** A stream that came to its own end. */
  readonly closed: boolean;
}

export interface Said {
  readonly first: string;
  readonly next: string;
}

/** The sights of those that are expected which fit what was seen; where none does, what was seen instead. */
export function judge(
  cell: Cell,
  seen: Seen,
  said: Said,
): { readonly fitting: readonly Sight[]; readonly instead?: string } {
  const told = read(cell, seen);
  if (typeof told === "string") return { fitting: [], instead: told };
  const leak = NOT_FOR_CALLERS.exec(`${seen.body}${JSON.stringify(seen.headers)}`)?.[0];
  if (leak !== undefined) return { fitting: [], instead: `told the caller "${leak}"` };
  if (seen.headers.location !== undefined) return { fitting: [], instead: "sent elsewhere" };
  const fitting = cell.expected.filter((sight) => fits(sight, cell, seen, told, said));
  return fitting.length > 0 ? { fitting } : { fitting, instead: inWords(cell, seen, told, said) };
}

function read({ column: { format, stream } }: Cell, { end, status, body }: Seen): Told | string {
  const nothing = { text: "", closed: false };
  if (status === undefined || end !== "whole") return nothing;
  try {
    if (status !== 200) {
      const { param } = (JSON.parse(body) as { error: { param?: string | null } }).error;
      return { ...nothing, failure: { ...readFailure(format, body), ...(param !== undefined && { param }) } };
    }
    if (!stream) return { text: textOfAnswer(format, body), closed: true };
    const { text, error, closed, finished } = readStream(format, body);
    return { text, closed: closed && finished > 0, ...(error && { failure: error }) };
  } catch (error) {
    return `not of the format: ${error instanceof Error ? error.message : String(error)}`.slice(0, 200);
  }
}

function fits(sight: Sight, cell: Cell, seen: Seen, told: Told, said: Said): boolean {
  const { format, stream } = cell.column;
  const { end, status } = seen;
  const inTime = seen.ms <= DELAY_BUDGET_MS + SLACK_MS + (cell.fault.client?.pausesMs ?? 0);
  const isWhole = end === "whole" && status === 200 && told.closed && !told.failure;
  switch (sight.sees) {
    case "answer":
    case "unhedged":
    case "continued":
      return isWhole && told.text === said.first;
    case "fallback":
    case "spared":
    case "hedged":
      return isWhole && inTime && told.text === said.next && said.next !== said.first;
    case "told":
      return (
        end === "whole" &&
        status === 200 &&
        stream &&
        !told.closed &&
        told.text !== "" &&
        said.first.startsWith(told.text) &&
        told.failure?.type === wireFailure(format, sight.failure).type
      );
    case "failed":
    case "refused": {
      const wanted = wireFailure(format, sight.failure);
      const isTyped = end === "whole" && status === wanted.status && told.failure?.type === wanted.type;
      if (!isTyped || !inTime || (WORTH_WAITING.has(sight.failure) && !(Number(seen.headers["retry-after"]) > 0)))
        return false;
      if (!("names" in sight)) return true;
      return `${told.failure?.param ?? ""} ${told.failure?.message ?? ""}`.includes(sight.names);
    }
    case "left":
    case "unheard":
    case "ran-on":
      return end === "left";
    case "broke":
      return end === "broke";
  }
}

/** A few words for a cell that is not as expected. */
function inWords(cell: Cell, { end, status, body, ms }: Seen, told: Told, said: Said): string {
  if (end === "broke") return `the connection broke (${status ?? "no status"})`;
  if (end === "left") return "the client was still waiting when it left";
  if (end === "silent") return `nothing for ${Math.round(ms / 1_000)} s (${status ?? "no status"})`;
  const late = ms > DELAY_BUDGET_MS + SLACK_MS ? ` after ${(ms / 1_000).toFixed(1)} s` : "";
  if (told.failure) {
    const where = status === 200 ? `error frame behind ${told.text.length} characters` : `${status}`;
    return `${where}, ${told.failure.type}: ${told.failure.message}${late}`;
  }
  if (status !== 200) return `${status} ${body.slice(0, 80)}`;
  const whose =
    told.text === said.first ? "the first target's" : told.text === said.next ? "the fallback's" : "another";
  const ending = told.closed ? "whole" : cell.column.stream ? "unended" : "odd";
  return `${whose} text, ${ending}, ${told.text.length} characters${late}`;
}
