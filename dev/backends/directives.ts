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
  cached?: number;
  finish?: string;
  readonly faults: FaultCall[];
  /** What could not be understood; a request with problems is refused, so that a typing error never looks like a passing test. */
  readonly problems: string[];
}

interface Marker {
  readonly summary: string;
  apply(directives: Directives, value: string): void;
}

function numberInto(key: "tokens" | "tokensPerSecond" | "ttftMs" | "reasoning" | "frames" | "cached", name: string) {
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
  tool: {
    summary: "the answer is a call of this tool",
    apply: (directives, value) => {
      directives.tool = value;
    },
  },
  "tool-input": {
    summary: "the tool call's input, as JSON text",
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

const MARKER_PATTERN = /\[\[sim:([a-z-]+)=([\s\S]*?)\]\]/g;

/** A text without its markers: what an answer depends on, so that a fault asked for by marker does not change the words. */
export function withoutMarkers(text: string): string {
  return text.includes("[[sim:") ? text.replaceAll(MARKER_PATTERN, "") : text;
}

/** Applies every marker of the texts in order; a later one overrides an earlier one, faults add up. */
export function applyMarkersOf(directives: Directives, texts: readonly string[]): void {
  for (const text of texts) {
    if (!text.includes("[[sim:")) continue;
    for (const [, name = "", value = ""] of text.matchAll(MARKER_PATTERN)) applyMarker(directives, name, value);
  }
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
