import type { HealthConfig } from "./config.ts";

/** What a backend said of itself when it was last asked. Numbers that it does not tell are absent. */
export interface BackendLoad {
  /** False: it gave no answer twice, or said that it is not well. */
  readonly up: boolean;
  readonly running?: number;
  readonly waiting?: number;
  /** Share of the cache of keys and values in use, 0..1. */
  readonly kvCache?: number;
  /** Share of the tokens looked up in the prefix cache that were there, 0..1. */
  readonly prefixHits?: number;
  /** Milliseconds since the epoch. Once `freshUntil` has passed it says nothing any more. */
  readonly readAt: number;
  readonly freshUntil: number;
}

/** `well` also where nobody knows. */
export type LoadState = "well" | "saturated" | "unhealthy";

export function loadStateOf(load: BackendLoad | undefined, rules: HealthConfig | undefined, now: number): LoadState {
  if (load === undefined || rules === undefined || now >= load.freshUntil) return "well";
  if (!load.up) return "unhealthy";
  const { waiting = 0, kvCache = 0 } = load;
  return waiting > rules.maxWaiting || kvCache >= rules.maxKvCache ? "saturated" : "well";
}

/** As it stands in Redis: `up running waiting kvCache prefixHits readAt freshUntil`, a hyphen for what is not known. */
export function loadText({ up, running, waiting, kvCache, prefixHits, readAt, freshUntil }: BackendLoad): string {
  const shares = [kvCache, prefixHits].map((share) => (share === undefined ? "-" : share.toFixed(3)));
  return [up ? 1 : 0, running ?? "-", waiting ?? "-", ...shares, readAt, freshUntil].join(" ");
}

/** Undefined for anything else than `loadText` writes: what cannot be read says nothing. */
export function parseLoad(value: unknown): BackendLoad | undefined {
  if (typeof value !== "string" || !/^[01](?: (?:-|\d+)){2}(?: (?:-|[01]\.\d{3})){2}(?: \d+){2}$/.test(value))
    return undefined;
  const [up, ...numbers] = value.split(" ").map((word) => (word === "-" ? undefined : Number(word)));
  const [running, waiting, kvCache, prefixHits, readAt = 0, freshUntil = 0] = numbers;
  return {
    up: up === 1,
    ...(running !== undefined && { running }),
    ...(waiting !== undefined && { waiting }),
    ...(kvCache !== undefined && { kvCache }),
    ...(prefixHits !== undefined && { prefixHits }),
    readAt,
    freshUntil,
  };
}
