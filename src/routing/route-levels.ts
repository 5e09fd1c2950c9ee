import type { Degradation, DegradationLevel } from "../core/degradation.ts";
import type { Clock } from "../core/ports.ts";
import {
  atFull,
  EMPTY_TALLY,
  type Evidence,
  isFailing,
  type LevelMemory,
  nextLevel,
  type Tally,
  tallied,
  upAt,
} from "./degradation.ts";

/** Of the requests of a route that is not served in full, one in so long finds out whether a better level is well. */
export const PROBE_EVERY_MS = 5_000;

type Health = Omit<Evidence, "failing">;

interface Held {
  readonly rules: Degradation;
  memory: LevelMemory;
  tally: Tally;
  probedAt: number;
}

/** The isolate's memory of its routes' levels: as many as the configuration has routes that may degrade. Isolates do not tell each other. */
export function routeLevels(clock: Clock) {
  const known = new Map<string, Held>();
  const heldOf = (alias: string, rules: Degradation, now: number): Held => {
    let held = known.get(alias);
    if (!held) {
      held = { rules, memory: atFull(rules, now), tally: EMPTY_TALLY, probedAt: Number.NEGATIVE_INFINITY };
      known.set(alias, held);
    }
    return held;
  };
  const nextOf = (
    { memory, tally }: Pick<Held, "memory" | "tally">,
    rules: Degradation,
    health: Health,
    now: number,
  ) => {
    const failing = memory.level !== "emergency" && isFailing(tally, rules, now);
    return nextLevel(memory, { ...health, failing }, rules, now);
  };
  return {
    level(alias: string, rules: Degradation, health: Health): LevelMemory {
      const now = clock.now();
      const held = heldOf(alias, rules, now);
      const before = held.memory;
      held.memory = nextOf(held, rules, health, now);
      // What was seen at one level says nothing about another.
      if (held.memory.level !== before.level) held.tally = EMPTY_TALLY;
      return held.memory;
    },
    levelNow: (alias: string): DegradationLevel => known.get(alias)?.memory.level ?? "full",
    wouldBe(alias: string, rules: Degradation, health: Health): DegradationLevel {
      const now = clock.now();
      return nextOf(known.get(alias) ?? { memory: atFull(rules, now), tally: EMPTY_TALLY }, rules, health, now).level;
    },
    mayProbe(alias: string): boolean {
      const now = clock.now();
      const held = known.get(alias);
      if (!held || now - held.probedAt < PROBE_EVERY_MS) return false;
      held.probedAt = now;
      return true;
    },
    unprobed(alias: string): void {
      const held = known.get(alias);
      if (held) held.probedAt = Number.NEGATIVE_INFINITY;
    },
    report(alias: string, level: DegradationLevel, failed: boolean): void {
      const held = known.get(alias);
      if (!held || held.memory.level !== level) return;
      const now = clock.now();
      // A probe that failed: whatever breakers say, it is not well.
      if (level === "emergency") held.memory = failed ? { ...held.memory, unwellAt: now } : held.memory;
      else held.tally = tallied(held.tally, failed, held.rules, now);
    },
    upInMs(alias: string): number | undefined {
      const held = known.get(alias);
      return held && Math.max(0, upAt(held.memory) - clock.now());
    },
  };
}
