import type { Degradation, DegradationCause, DegradationLevel } from "../core/degradation.ts";

/** `unsure`: it was unwell, may be well again, and nobody has tried. Holds a level where it is: no reason to go down, none to go up. */
export type Health = "well" | "unsure" | "unwell";

/** What is known of a route as a request comes in: of its own targets, of those of the reduced level, and of its fallbacks, the best of each. */
export interface Evidence {
  readonly full: Health;
  readonly reduced: Health;
  readonly fallbacks: Health;
  /** Whether too many requests failed since the level began. */
  readonly failing: boolean;
}

export interface LevelMemory {
  readonly level: DegradationLevel;
  /** Why it is not full. */
  readonly cause: DegradationCause;
  /** When the level began. */
  readonly since: number;
  /** When no better level was known to be well, last. */
  readonly unwellAt: number;
  /** How long a better level has to be well before it is gone back to. */
  readonly waitMs: number;
  /** Whether it was come to from below. */
  readonly rose: boolean;
}

/** How much longer than `upAfterMs` a route that relapses again and again waits. */
const LONGEST_WAIT = 8;

export function atFull({ upAfterMs }: Degradation, now: number): LevelMemory {
  return { level: "full", cause: "breakers", since: now, unwellAt: now, waitMs: upAfterMs, rose: false };
}

/**
 * The level of a route from now on. Down at once, and past a level that is unwell itself; up a level at a time, after one above has been well for long
 * enough. Pure. The very same memory comes back where nothing changes.
 */
export function nextLevel(memory: LevelMemory, evidence: Evidence, rules: Degradation, now: number): LevelMemory {
  const down = lower(memory.level, evidence, rules);
  if (down !== memory.level) return fallen(memory, down, evidence, rules, now);
  if (memory.level === "full") return memory;
  const up = higher(memory.level, evidence, rules);
  if (up === undefined) return { ...memory, unwellAt: now };
  if (now - Math.max(memory.since, memory.unwellAt) < memory.waitMs) return memory;
  return { ...memory, level: up, since: now, unwellAt: now, rose: true };
}

/** When a better level may be gone back to, if it is well until then. */
export function upAt({ since, unwellAt, waitMs }: LevelMemory): number {
  return Math.max(since, unwellAt) + waitMs;
}

function fallen(
  { level, rose, since, waitMs }: LevelMemory,
  down: DegradationLevel,
  evidence: Evidence,
  rules: Degradation,
  now: number,
): LevelMemory {
  const relapsed = rose && now - since < waitMs;
  const next = relapsed ? Math.min(waitMs * 2, rules.upAfterMs * LONGEST_WAIT) : rules.upAfterMs;
  const cause = healthAt(level, evidence, rules) === "unwell" ? "breakers" : "failures";
  return { level: down, cause, since: now, unwellAt: now, waitMs: rose ? next : waitMs, rose: false };
}

/** The level that is left for another at once; the same where it holds. */
function lower(level: DegradationLevel, evidence: Evidence, rules: Degradation): DegradationLevel {
  const emergency = rules.emergency ? "emergency" : undefined;
  const isUnwell = healthAt(level, evidence, rules) === "unwell";
  if (level === "emergency" || !(isUnwell || evidence.failing)) return level;
  if (level === "full") {
    if (rules.reduced && healthAt("reduced", evidence, rules) !== "unwell") return "reduced";
    return emergency ?? (rules.reduced ? "reduced" : level);
  }
  // Rather up too early than out altogether.
  if (isUnwell && evidence.full === "well") return "full";
  return emergency ?? level;
}

/** The nearest better level that is known to be well. */
function higher(level: DegradationLevel, evidence: Evidence, rules: Degradation): DegradationLevel | undefined {
  if (level === "emergency" && rules.reduced && healthAt("reduced", evidence, rules) === "well") return "reduced";
  return healthAt("full", evidence, rules) === "well" ? "full" : undefined;
}

/** Fallbacks stand behind each level, and keep the last but emergency alive. */
function healthAt(level: DegradationLevel, { full, reduced, fallbacks }: Evidence, rules: Degradation): Health {
  if (level === "emergency") return "well";
  const own = level === "full" ? full : reduced;
  return level === "full" && rules.reduced ? own : bestOf([own, fallbacks]);
}

/** `unwell` where there is none. */
export function bestOf(all: readonly Health[]): Health {
  if (all.includes("well")) return "well";
  return all.includes("unsure") ? "unsure" : "unwell";
}

/** How requests ended: in the running window, and in the one before. */
export interface Tally {
  readonly window: number;
  readonly all: number;
  readonly failed: number;
  readonly allBefore: number;
  readonly failedBefore: number;
}

export const EMPTY_TALLY: Tally = { window: 0, all: 0, failed: 0, allBefore: 0, failedBefore: 0 };

export function tallied(tally: Tally, failed: boolean, { errorRate }: Degradation, now: number): Tally {
  const turned = turn(tally, errorRate.windowMs, now);
  return { ...turned, all: turned.all + 1, failed: turned.failed + (failed ? 1 : 0) };
}

export function isFailing(tally: Tally, { errorRate }: Degradation, now: number): boolean {
  const { all, failed, allBefore, failedBefore } = turn(tally, errorRate.windowMs, now);
  const seen = all + allBefore;
  return seen >= errorRate.minimum && failed + failedBefore >= errorRate.share * seen;
}

function turn(tally: Tally, windowMs: number, now: number): Tally {
  const window = Math.floor(now / windowMs);
  if (tally.window === window) return tally;
  const before = tally.window === window - 1 ? { allBefore: tally.all, failedBefore: tally.failed } : undefined;
  return { ...EMPTY_TALLY, ...before, window };
}
