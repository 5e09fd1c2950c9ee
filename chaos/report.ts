import { COLUMNS, nameOf } from "./columns.ts";
import type { Outcome, Verdict } from "./settle.ts";
import type { Cell, Expectation, Fault, Gap, Sight } from "./types.ts";

/** A row's fields in the order of the columns: cells and gaps; undefined where a cell was left out on purpose (`--only`, a sample). */
export interface Field {
  readonly gap?: Gap;
  readonly cell?: Cell;
}

/** With them a line has 145 columns. The longest title, with a space behind it. */
const TITLE_WIDTH = 43;
const EXPECTED_WIDTH = 35;
const FIELD_WIDTH = 2;
const AS_EXPECTED = "✓";
const SHORT: Readonly<Record<string, string>> = {
  "openai-chat": "OpenAI chat",
  "anthropic-messages": "Anthropic",
  "openai-responses": "Responses",
  "openai-completions": "completions",
};

/** The matrix as text: a row a fault, a column a way of asking. The legend says what its marks mean. */
export function matrix(rows: ReadonlyMap<Fault, readonly (Cell | Gap)[]>, { verdicts }: Outcome): string {
  const found = new Map(verdicts.map((verdict) => [verdict.cell, verdict]));
  const notes: string[] = [];
  const lines = [...LEGEND, "", ...headings()];
  let group: Fault["group"] | undefined;
  const groups = new Set<Fault["group"]>();
  for (const [fault, fields] of rows) {
    // What empties Redis stands apart: it runs at the end, alone.
    const isAgain = fault.group !== group && groups.has(fault.group);
    if (fault.group !== group) lines.push("", `${fault.group.toUpperCase()}${isAgain ? ", emptied" : ""}`);
    group = fault.group;
    groups.add(fault.group);
    const shown = fields.map((field) => {
      if ("why" in field) return "—";
      const verdict = found.get(field);
      if (!verdict) return "·";
      if (verdict.instead === undefined) return AS_EXPECTED;
      notes.push(noteOf(verdict, notes.length + 1));
      return String(notes.length);
    });
    const words = `${fault.title.padEnd(TITLE_WIDTH - 1)} ${expectation(fault).padEnd(EXPECTED_WIDTH - 1)} `;
    lines.push(`${words}${spaced(shown)}`);
  }
  return [...lines, ...notes.flatMap((note, place) => (place === 0 ? ["", note] : [note]))].join("\n");
}

const LEGEND: readonly string[] = [
  `${AS_EXPECTED} as expected   1, 2, … not: the note below   — there is no such cell (the reasons are counted below)   · left out of this run`,
  "c with the cache on, – off   s the client stays, l it leaves   expected: what a client that stays sees; streamed · collected · whole JSON, where they differ",
];

/** The columns' names, from the outermost to the innermost. */
function headings(): readonly string[] {
  const left = " ".repeat(TITLE_WIDTH + EXPECTED_WIDTH);
  const line = (word: (column: (typeof COLUMNS)[number]) => string) => {
    let text = left;
    let before = "";
    for (const [place, column] of COLUMNS.entries()) {
      const name = word(column);
      const at = left.length + place * FIELD_WIDTH + Math.floor(place / 8);
      if (name !== before || place % 8 === 0) text = `${text.padEnd(at).slice(0, at)}${name}`;
      before = name;
    }
    return text;
  };
  return [
    line(({ format }) => SHORT[format] ?? format),
    line(({ stream }) => (stream ? "stream" : "JSON")),
    line(({ cache }) => (cache === "on" ? "c" : "–")),
    `${"fault".padEnd(TITLE_WIDTH)}${"expected".padEnd(EXPECTED_WIDTH)}${spaced(COLUMNS.map(({ client }) => (client === "stays" ? "s" : "l")))}`,
  ];
}

/** A gap behind each format. */
const spaced = (fields: readonly string[]): string =>
  fields.map((text, place) => `${place > 0 && place % 8 === 0 ? " " : ""}${text.padEnd(FIELD_WIDTH)}`).join("");

/** What a client that stays must see, in a few words: streamed, collected and whole where they differ. */
function expectation({ stays, leaves }: Fault): string {
  const words = [stays.streamed, stays.collected, stays.whole].map(wordsOf);
  const distinct = [...new Set(words)].filter((word) => word !== "");
  return distinct.length === 0 ? wordsOf(leaves) : distinct.join(" · ");
}

const wordsOf = (sights: Expectation): string => [...new Set(sights.map(wordOf))].join("/");

function wordOf(sight: Sight): string {
  switch (sight.sees) {
    case "failed":
    case "refused":
      return sight.failure.replace(/^(backend|gateway|caller)_/, "");
    case "broke":
      return sight.booked === "nothing" ? "broke, nothing booked" : "broke, booked";
    default:
      return sight.sees;
  }
}

function noteOf({ cell, instead }: Verdict, number: number): string {
  const wanted = cell.expected
    .map((sight) => ("failure" in sight ? `${sight.sees} ${sight.failure}` : sight.sees))
    .join(" or ");
  return `#${number} ${cell.fault.id} | ${nameOf(cell.column)} | expected ${wanted} | ${instead} | ${cell.traceId}`;
}

/** What the matrix came to, in plain lines. */
export function totals(rows: ReadonlyMap<Fault, readonly (Cell | Gap)[]>, outcome: Outcome): readonly string[] {
  const { verdicts, problems, requests, tookMs } = outcome;
  const fields = [...rows.values()].flat();
  const gaps = fields.filter((field): field is Gap => "why" in field);
  const wrong = verdicts.filter(({ instead }) => instead !== undefined).length;
  const reasons = [...Map.groupBy(gaps, ({ why }) => why)].map(([why, all]) => `  — ${all.length}: ${why}`);
  return [
    `${rows.size} faults × ${COLUMNS.length} columns = ${fields.length} fields: ${verdicts.length} cells run, ${gaps.length} that cannot exist, ${fields.length - gaps.length - verdicts.length} left out`,
    ...reasons,
    `${requests} requests, ${outcome.rows} rows, ${outcome.calls} calls of backends; ${(tookMs / 1_000).toFixed(0)} s`,
    ...problems.map((problem) => `books: ${problem}`),
    `${verdicts.length - wrong} as expected, ${wrong} not; the books: ${problems.length === 0 ? "equal to the tallies, nothing reserved" : `${problems.length} problems`}`,
  ];
}
