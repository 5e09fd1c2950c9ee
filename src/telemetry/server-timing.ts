import type { Decision } from "../core/wide-event.ts";

export interface TimingEntry {
  /** A token: letters, digits, hyphens. */
  readonly name: string;
  readonly durationMs: number;
}

/** The value of a `Server-Timing` header (https://www.w3.org/TR/server-timing/). What is no token in a name becomes a hyphen. */
export function serverTiming(entries: readonly TimingEntry[]): string {
  return entries
    .map(({ name, durationMs }) => `${name.replace(/[^A-Za-z0-9-]/g, "-")};dur=${Math.round(durationMs * 10) / 10}`)
    .join(", ");
}

/** One entry a step that did I/O, its times summed, and `total`: what has passed since the request came. */
export function timingOf(decisions: readonly Decision[], totalMs: number): readonly TimingEntry[] {
  const steps = new Map<string, number>();
  for (const { step, ioMs } of decisions) {
    if (ioMs !== undefined) steps.set(step, (steps.get(step) ?? 0) + ioMs);
  }
  return [...[...steps].map(([name, durationMs]) => ({ name, durationMs })), { name: "total", durationMs: totalMs }];
}
