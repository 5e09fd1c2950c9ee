import { valueFor } from "../structure/generate.ts";
import type { WantedCall } from "../tools.ts";
import { hash32 } from "./hash.ts";
import { splitIntoTokens } from "./tokens.ts";
import { proseFrom } from "./words.ts";

/** A part of a tool call's input as one frame carries it, with the tokens that are complete with it. */
export interface Fragment {
  readonly text: string;
  readonly tokens: number;
}

/** A tool call of an answer. */
export interface SimulatedToolCall {
  /** Without the format's own prefix; as long as the ids of real calls. */
  readonly id: string;
  readonly name: string;
  readonly fragments: readonly Fragment[];
  readonly tokens: number;
}

const ID_LENGTH = 24;

/** The whole input of a call, as JSON text. */
export function inputOf(call: SimulatedToolCall): string {
  return call.fragments.map(({ text }) => text).join("");
}

/** The calls of one answer, cut where the room for tokens ends; a call of which nothing is left is not made. */
export function composeCalls(
  wanted: readonly WantedCall[],
  seedText: string,
  room: number,
  fragmentLength: number | undefined,
): SimulatedToolCall[] {
  const calls: SimulatedToolCall[] = [];
  let left = room;
  for (const [index, call] of wanted.entries()) {
    const seed = `tool ${seedText}|${index}|${call.name}`;
    const pieces = splitIntoTokens(call.input ?? inputText(call, seed)).slice(0, left);
    if (pieces.length === 0) break;
    left -= pieces.length;
    const fragments = fragmentLength === undefined ? tokenByToken(pieces) : everySoMany(pieces, fragmentLength);
    calls.push({ id: idFor(seed), name: call.name, fragments, tokens: pieces.length });
  }
  return calls;
}

function inputText(call: WantedCall, seed: string): string {
  if (call.schema !== undefined) return JSON.stringify(valueFor({ type: "object", ...call.schema }, seed));
  return JSON.stringify({ query: proseFrom(seed, 16).trim(), unit: "°C" });
}

function idFor(seed: string): string {
  let id = "";
  for (let part = 0; id.length < ID_LENGTH; part += 1) id += hash32(`${part} ${seed}`).toString(16).padStart(8, "0");
  return id.slice(0, ID_LENGTH);
}

function tokenByToken(pieces: readonly string[]): Fragment[] {
  return pieces.map((text) => ({ text, tokens: 1 }));
}

/** Fragments of so many UTF-16 units, wherever that cuts: within an escape or a surrogate pair too. */
function everySoMany(pieces: readonly string[], length: number): Fragment[] {
  const whole = pieces.join("");
  const fragments: Fragment[] = [];
  let complete = 0;
  let tokenEnd = pieces[0]?.length ?? 0;
  for (let start = 0; start < whole.length; start += length) {
    const text = whole.slice(start, start + length);
    let tokens = 0;
    while (complete < pieces.length && tokenEnd <= start + text.length) {
      tokens += 1;
      complete += 1;
      tokenEnd += pieces[complete]?.length ?? 0;
    }
    fragments.push({ text, tokens });
  }
  return fragments;
}
