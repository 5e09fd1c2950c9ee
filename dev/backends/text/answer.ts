import type { Directives } from "../directives.ts";
import { hash32 } from "./hash.ts";
import { splitIntoTokens } from "./tokens.ts";
import { proseFrom } from "./words.ts";

/** A tool call of an answer; `pieces` are the token-sized fragments of its JSON input. */
export interface SimulatedToolCall {
  readonly id: string;
  readonly name: string;
  readonly pieces: readonly string[];
}

/** What one choice says, as tokens. It is complete before anything is sent; pacing and faults come later. */
export interface Answer {
  readonly reasoning: readonly string[];
  readonly text: readonly string[];
  readonly tool?: SimulatedToolCall;
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
  readonly directives: Directives;
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
  if (directives.text !== undefined) return directives.text;
  const opening = `Simulated answer ${hash32(seedText).toString(16).padStart(8, "0")}: `;
  const wanted = request.ignoreEnd
    ? request.maxTokens
    : (directives.tokens ?? SHORTEST_NATURAL_TOKENS + (hash32(`length ${seedText}`) % NATURAL_TOKENS_SPREAD));
  const prose = `${opening}${exactTokens(seedText, wanted).join("")}`;
  return splitIntoTokens(prose).slice(0, wanted).join("");
}

function earliestStop(text: string, stops: readonly string[]): { at: number; stop: string } | undefined {
  let found: { at: number; stop: string } | undefined;
  for (const stop of stops) {
    const at = stop === "" ? -1 : text.indexOf(stop);
    if (at >= 0 && (found === undefined || at < found.at)) found = { at, stop };
  }
  return found;
}

function toolCallOf(request: AnswerRequest, seedText: string, budget: number): SimulatedToolCall | undefined {
  const { tool, toolInput } = request.directives;
  if (tool === undefined) return undefined;
  const input = toolInput ?? JSON.stringify({ query: proseFrom(seedText, 16).trim(), unit: "°C" });
  const id = hash32(`tool ${seedText}`).toString(16).padStart(8, "0");
  return { id, name: tool, pieces: splitIntoTokens(input).slice(0, budget) };
}

/** Composes the whole answer of one choice. */
export function composeAnswer(request: AnswerRequest): Answer {
  const seedText = `${request.model}|${request.seed ?? "none"}|${request.choice}|${request.promptText}`;
  const wantsReasoning =
    request.directives.reasoning ?? (request.model === "simulated-reasoner" ? DEFAULT_REASONING_TOKENS : 0);
  const reasoning = exactTokens(`reasoning ${seedText}`, Math.min(wantsReasoning, request.maxTokens));
  const room = request.maxTokens - reasoning.length;

  const tool = toolCallOf(request, seedText, room);
  if (tool !== undefined) {
    const finish = tool.pieces.length >= room ? "length" : "tool";
    return { reasoning, text: [], tool, finish, tokens: reasoning.length + tool.pieces.length };
  }
  const whole = naturalText(request, seedText);
  const stopped = earliestStop(whole, request.stops);
  const untilStop = splitIntoTokens(stopped === undefined ? whole : whole.slice(0, stopped.at));
  const text = untilStop.slice(0, room);
  const tokens = reasoning.length + text.length;
  if (untilStop.length > room || (request.ignoreEnd && stopped === undefined))
    return { reasoning, text, finish: "length", tokens };
  if (stopped === undefined) return { reasoning, text, finish: "stop", tokens };
  return { reasoning, text, finish: "stop-sequence", stopSequence: stopped.stop, tokens };
}
