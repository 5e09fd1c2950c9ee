import type { Decision } from "../core/wide-event.ts";

export interface TimingEntry {
  /** A token: letters, digits, hyphens. */
  readonly name: string;
  readonly durationMs: number;
}

/** The value of a `Server-Timing` header (https://www.w3.org/TR/server-timing/). What is no token in a name becomes a hyphen. */
export function serverTiming(entries: readonly TimingEntry[]): string {
  let text = "";
  for (const { name, durationMs } of entries) {
    const token = NO_TOKEN.test(name) ? name.replaceAll(NO_TOKENS, "-") : name;
    text += `${text === "" ? "" : ", "}${token};dur=${Math.round(durationMs * 10) / 10}`;
  }
  return text;
}

const NO_TOKEN = /[^A-Za-z0-9-]/;
const NO_TOKENS = /[^A-Za-z0-9-]/g;

/** One entry a step that did I/O, its times summed, and `total`: what has passed since the request came. */
export function timingOf(decisions: readonly Decision[], totalMs: number): readonly TimingEntry[] {
  const entries: { name: string; durationMs: number }[] = [];
  for (const { step, ioMs } of decisions) {
    if (ioMs === undefined) continue;
    const known = entries.find(({ name }) => name === step);
    if (known) known.durationMs += ioMs;
    else entries.push({ name: step, durationMs: ioMs });
  }
  entries.push({ name: "total", durationMs: totalMs });
  return entries;
}
