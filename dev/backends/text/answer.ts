import type { Structure } from "../conversation.ts";
import type { Directives } from "../directives.ts";
import { structuredText } from "../structure/text.ts";
import type { WantedCall } from "../tools.ts";
import { composeCalls, type SimulatedToolCall } from "./calls.ts";
import { hash32 } from "./hash.ts";
import { simulatedTokens, splitIntoTokens } from "./tokens.ts";
import { proseFrom } from "./words.ts";

/** What one choice says, as tokens. It is complete before anything is sent; pacing and faults come later. */
export interface Answer {
  readonly reasoning: readonly string[];
  /** The text, or what is said before the calls. */
  readonly text: readonly string[];
  readonly calls: readonly SimulatedToolCall[];
  /** The text is a refusal. */
  readonly refused: boolean;
  readonly finish: "stop" | "length" | "stop-sequence" | "tool";
  /** The stop sequence that ended the text, if one did. */
  readonly stopSequence?: string;
  readonly tokens: number;
}

/** Everything an answer depends on; equal input gives an equal answer. */
export interface AnswerRequest {
  readonly promptText: string;
  readonly model: string;
  readonly seed: number | undefined;
  readonly choice: number;
  /** Reasoning, text and tool input together never exceed it. */
  readonly maxTokens: number;
  readonly stops: readonly string[];
  /** Go on to `maxTokens` instead of ending naturally (vLLM's `ignore_eos`). */
  readonly ignoreEnd: boolean;
  /** The beginning of the answer, where the request brings it along: only the rest is said. */
  readonly said: string | undefined;
  readonly directives: Directives;
  /** What the answer mentions of the prompt: results of tools, images, files. Empty when there is nothing. */
  readonly mention: string;
  readonly calls: readonly WantedCall[];
  readonly structure: Structure | undefined;
  /** How the structured text is to be wrong, if it is. */
  readonly flaw: "json" | "schema" | undefined;
}

const SHORTEST_NATURAL_TOKENS = 24;
const NATURAL_TOKENS_SPREAD = 64;
const DEFAULT_REASONING_TOKENS = 12;

function exactTokens(seedText: string, count: number): string[] {
  // A token holds at least one UTF-16 unit and at most four, so five units a token are always enough prose.
  return splitIntoTokens(proseFrom(seedText, count * 5 + 8)).slice(0, count);
}

function naturalText(request: AnswerRequest, seedText: string): string {
  const { directives } = request;
  if (directives.refusal !== undefined) return directives.refusal;
  if (directives.text !== undefined) return directives.text;
  if (request.structure !== undefined) return structuredText(request.structure, seedText, request.flaw);
  const opening = `Simulated answer ${hash32(seedText).toString(16).padStart(8, "0")}: ${request.mention}`;
  const mentioned = request.mention === "" ? 0 : simulatedTokens(opening);
  const natural = mentioned + SHORTEST_NATURAL_TOKENS + (hash32(`length ${seedText}`) % NATURAL_TOKENS_SPREAD);
  const wanted = request.ignoreEnd ? request.maxTokens : (directives.tokens ?? natural);
  const prose = `${opening}${exactTokens(seedText, wanted).join("")}`;
  return splitIntoTokens(prose).slice(0, wanted).join("");
}

/** What is left of an answer whose beginning was said; all of it where that was another's beginning. `seam`: how the backend errs. */
function restOf(whole: string, said: string, seam: Directives["seam"]): string {
  if (seam === "ignore" || !whole.startsWith(said)) return whole;
  const rest = whole.slice(said.length);
  if (seam === "repeat") return `${splitIntoTokens(said).at(-1) ?? ""}${rest}`;
  return seam === "drop" ? rest.slice(splitIntoTokens(rest)[0]?.length ?? 0) : rest;
}

function earliestStop(text: string, stops: readonly string[]): { at: number; stop: string } | undefined {
  let found: { at: number; stop: string } | undefined;
  for (const stop of stops) {
    const at = stop === "" ? -1 : text.indexOf(stop);
    if (at >= 0 && (found === undefined || at < found.at)) found = { at, stop };
  }
  return found;
}

/** Composes the whole answer of one choice. */
export function composeAnswer(request: AnswerRequest): Answer {
  const seedText = `${request.model}|${request.seed ?? "none"}|${request.choice}|${request.promptText}`;
  const wantsReasoning =
    request.directives.reasoning ?? (request.model === "simulated-reasoner" ? DEFAULT_REASONING_TOKENS : 0);
  const reasoning = exactTokens(`reasoning ${seedText}`, Math.min(wantsReasoning, request.maxTokens));
  const room = request.maxTokens - reasoning.length;

  const refused = request.directives.refusal !== undefined;
  const before = splitIntoTokens(request.calls.length === 0 ? "" : (request.directives.textBefore ?? "")).slice(
    0,
    room,
  );
  const forCalls = room - before.length;
  const calls = composeCalls(request.calls, seedText, forCalls, request.directives.fragments);
  if (request.calls.length > 0) {
    const spent = calls.reduce((sum, call) => sum + call.tokens, 0);
    const finish = spent >= forCalls ? "length" : "tool";
    return { reasoning, text: before, calls, refused, finish, tokens: reasoning.length + before.length + spent };
  }
  const natural = naturalText(request, seedText);
  const whole = request.said === undefined ? natural : restOf(natural, request.said, request.directives.seam);
  const stopped = earliestStop(whole, request.stops);
  const untilStop = splitIntoTokens(stopped === undefined ? whole : whole.slice(0, stopped.at));
  const text = untilStop.slice(0, room);
  const tokens = reasoning.length + text.length;
  if (untilStop.length > room || (request.ignoreEnd && stopped === undefined))
    return { reasoning, text, calls, refused, finish: "length", tokens };
  if (stopped === undefined) return { reasoning, text, calls, refused, finish: "stop", tokens };
  return { reasoning, text, calls, refused, finish: "stop-sequence", stopSequence: stopped.stop, tokens };
}
