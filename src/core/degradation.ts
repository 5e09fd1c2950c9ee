/** How much of itself a route serves: all, less (other targets), or what needs no backend (a cached or a fixed answer, or an honest 503). */
export const DEGRADATION_LEVELS = ["full", "reduced", "emergency"] as const;
export type DegradationLevel = (typeof DEGRADATION_LEVELS)[number];

/** What a route does when it cannot serve in full. One of the two levels at least. */
export interface Degradation {
  /** Names of the targets that stand in for the route's own, also of such as have no weight otherwise. */
  readonly reduced?: { readonly use: readonly string[] };
  /** What is said where no cached answer is found; without a text: 503. */
  readonly emergency?: { readonly answer?: string };
  /** A better level is gone back to once it has been well for so long; twice as long after each relapse. */
  readonly upAfterMs: number;
  /** What leads down beside breakers: this share of failed or shed requests, of at least `minimum`, in the running window and the one before. */
  readonly errorRate: { readonly share: number; readonly windowMs: number; readonly minimum: number };
}

/** What led to the level: a closed list. */
export type DegradationCause = "by_hand" | "breakers" | "failures";

/** The level of a request that is not served in full. */
export interface Degraded {
  readonly level: "reduced" | "emergency";
  readonly cause: DegradationCause;
  /** This request finds out whether a better level is well: it may have that one's targets, and the others behind them. */
  readonly probes: boolean;
}

/** In place of a backend's name, where none answered. */
export const NOBODY = "none";
