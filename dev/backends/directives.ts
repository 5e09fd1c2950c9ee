import { type FaultCall, parseFaultCall } from "./faults/call.ts";

/** What a prompt marker, a model name or a control rule asks of one answer. Absent means: the backend's own behaviour. */
export interface Directives {
  tokens?: number;
  tokensPerSecond?: number;
  ttftMs?: number;
  text?: string;
  reasoning?: number;
  frames?: number;
  tool?: string;
  toolInput?: string;
  /** Names of offered tools to call; the same one may come twice. */
  tools?: readonly string[];
  textBefore?: string;
  /** UTF-16 units of each fragment of a tool call's input. */
  fragments?: number;
  badJson?: number;
  badSchema?: number;
  reasoningField?: "reasoning" | "reasoning_content" | "both";
  redacted?: boolean;
  refusal?: string;
  citations?: boolean;
  strict?: boolean;
  cached?: number;
  finish?: string;
  seam?: "repeat" | "drop" | "ignore";
  readonly faults: FaultCall[];
  /** What could not be understood; a request with problems is refused, so that a typing error never looks like a passing test. */
  readonly problems: string[];
}

interface Marker {
  readonly summary: string;
  /** Counts only in what came after the last answer, so that the next turn of the conversation is free of it. */
  readonly turn?: boolean;
  apply(directives: Directives, value: string): void;
}

type NumberKey = "tokens" | "tokensPerSecond" | "ttftMs" | "reasoning" | "frames" | "cached" | "fragments";

/** Without a number: every time. */
function timesInto(key: "badJson" | "badSchema", name: string) {
  return (directives: Directives, value: string): void => {
    const parsed = value === "" ? Number.POSITIVE_INFINITY : Number(value);
    if (Number.isNaN(parsed)) directives.problems.push(`marker ${name} wants a number or nothing, got "${value}"`);
    else directives[key] = parsed;
  };
}

function numberInto(key: NumberKey, name: string) {
  return (directives: Directives, value: string): void => {
    const parsed = Number(value);
    if (value.trim() === "" || !Number.isFinite(parsed) || parsed < 0)
      directives.problems.push(`marker ${name} wants a number, got "${value}"`);
    else directives[key] = parsed;
  };
}

/** Every marker, as data: `[[sim:name=value]]` in a prompt, or `model!name=value` in a model name. */
export const MARKERS: Readonly<Record<string, Marker>> = {
  tokens: { summary: "the answer's natural length is exactly so many tokens", apply: numberInto("tokens", "tokens") },
  tps: { summary: "tokens per second; 0 is as fast as possible", apply: numberInto("tokensPerSecond", "tps") },
  ttft: { summary: "milliseconds until the first token", apply: numberInto("ttftMs", "ttft") },
  text: {
    summary: "the exact text of the answer",
    apply: (directives, value) => {
      directives.text = value;
    },
  },
  reasoning: { summary: "so many tokens of reasoning before the text", apply: numberInto("reasoning", "reasoning") },
  frames: {
    summary: "`simulated-bench`: so many identical frames; elsewhere the same as tokens",
    apply: numberInto("frames", "frames"),
  },
  tools: {
    summary:
      "the answer calls these tools of the request, joined by commas; their inputs satisfy their schemas; without a value none is called",
    turn: true,
    apply: (directives, value) => {
      directives.tools = value.split(",").flatMap((name) => (name.trim() === "" ? [] : [name.trim()]));
    },
  },
  "text-before": {
    summary: "this text comes before the tool calls",
    turn: true,
    apply: (directives, value) => {
      directives.textBefore = value;
    },
  },
  fragments: {
    summary: "tool inputs come in fragments of so many UTF-16 units, wherever that cuts (at least 1)",
    apply: (directives, value) => {
      numberInto("fragments", "fragments")(directives, value);
      if (directives.fragments !== undefined) directives.fragments = Math.max(1, Math.floor(directives.fragments));
    },
  },
  "bad-json": {
    summary: "a structured answer is no JSON; with a number only the first so many times in the conversation",
    apply: timesInto("badJson", "bad-json"),
  },
  "bad-schema": {
    summary: "a structured answer is JSON that does not satisfy its schema; a number as for bad-json",
    apply: timesInto("badSchema", "bad-schema"),
  },
  "reasoning-field": {
    summary: "OpenAI format: where reasoning stands: reasoning (default), reasoning_content or both",
    apply: (directives, value) => {
      if (value === "reasoning" || value === "reasoning_content" || value === "both") directives.reasoningField = value;
      else
        directives.problems.push(`marker reasoning-field wants reasoning, reasoning_content or both, got "${value}"`);
    },
  },
  redacted: {
    summary: "Anthropic format: the reasoning comes as a redacted_thinking block",
    apply: (directives, value) => {
      directives.redacted = value !== "0";
    },
  },
  refusal: {
    summary: "the model refuses, with this text",
    turn: true,
    apply: (directives, value) => {
      directives.refusal = value;
    },
  },
  citations: {
    summary: "the text cites the first document of the turn (Anthropic format) or a made-up page (OpenAI format)",
    turn: true,
    apply: (directives, value) => {
      directives.citations = value !== "0";
    },
  },
  tool: {
    summary: "the answer is a call of this tool, offered or not",
    turn: true,
    apply: (directives, value) => {
      directives.tool = value;
    },
  },
  "tool-input": {
    summary: "the (first) tool call's input, as JSON text",
    turn: true,
    apply: (directives, value) => {
      directives.toolInput = value;
    },
  },
  cached: {
    summary: "so many prompt tokens are reported as read from the prefix cache",
    apply: numberInto("cached", "cached"),
  },
  finish: {
    summary: "the finish reason, word for word",
    apply: (directives, value) => {
      directives.finish = value;
    },
  },
  seam: {
    summary:
      "an answer that is to go on (continue_final_message) errs where it begins: repeat says the last token again, drop leaves one out, ignore says all of it",
    apply: (directives, value) => {
      if (value === "repeat" || value === "drop" || value === "ignore") directives.seam = value;
      else directives.problems.push(`marker seam wants repeat, drop or ignore, got "${value}"`);
    },
  },
  strict: {
    summary: "the request is checked as the provider's own service checks it; by rule or in the model name alone",
    apply: (directives, value) => {
      directives.strict = value !== "0";
    },
  },
  fault: {
    summary: "a fault of the table below: `name,parameter=value,…`; may be repeated, applied in order",
    apply: (directives, value) => {
      const fault = parseFaultCall(value);
      if (typeof fault === "string") directives.problems.push(fault);
      else directives.faults.push(fault);
    },
  },
};

/** Directives that ask for nothing. */
export function noDirectives(): Directives {
  return { faults: [], problems: [] };
}

/** Applies one `name=value` pair; an unknown name becomes a problem. */
export function applyMarker(directives: Directives, name: string, value: string): void {
  const marker = Object.hasOwn(MARKERS, name) ? MARKERS[name] : undefined;
  if (marker === undefined) directives.problems.push(`unknown marker "${name}"`);
  else marker.apply(directives, value);
}

const MARKER_PATTERN = /\[\[sim:([a-z-]+)(?:=([\s\S]*?))?\]\]/g;

/** A text without its markers: what an answer depends on, so that a fault asked for by marker does not change the words. */
export function withoutMarkers(text: string): string {
  return text.includes("[[sim:") ? text.replaceAll(MARKER_PATTERN, "") : text;
}

/**
 * Applies every marker of the texts in order; a later one overrides an earlier one, faults add up. Markers of a turn count only in the newest texts.
 */
export function applyMarkersOf(directives: Directives, texts: readonly string[], newestTexts: readonly string[]): void {
  for (const [name, value] of markersIn(texts)) if (!isOfTurn(name)) applyMarker(directives, name, value);
  for (const [name, value] of markersIn(newestTexts)) if (isOfTurn(name)) applyMarker(directives, name, value);
}

function isOfTurn(name: string): boolean {
  return Object.hasOwn(MARKERS, name) && MARKERS[name]?.turn === true;
}

function markersIn(texts: readonly string[]): (readonly [name: string, value: string])[] {
  return texts
    .filter((text) => text.includes("[[sim:"))
    .flatMap((text) => [...text.matchAll(MARKER_PATTERN)].map(([, name = "", value = ""]) => [name, value] as const));
}

/** Splits `simulated-small!truncate,at=300!tps=50` into the served model's name and its directives. */
export function applyModelName(directives: Directives, asked: string): string {
  const [base = "", ...parts] = asked.split("!");
  for (const part of parts) {
    const [, name, value] = /^([a-z-]+)=([\s\S]*)$/.exec(part) ?? [];
    if (name !== undefined && value !== undefined) applyMarker(directives, name, value);
    else applyMarker(directives, "fault", part);
  }
  return base;
}
