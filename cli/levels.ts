import type { Admin, Printed } from "./commands.ts";
import { type HeldPart, hold, listHeld } from "./held.ts";

const LEVELS: HeldPart = {
  part: "degradation",
  kind: "level",
  words: ["full", "reduced", "emergency"],
  title: "route",
  nothing: "none is held: each serves what its backends let it",
  heldAt: (level) => `is held at ${level}`,
  byItself: "finds its level by itself again",
};

/** The routes that the overlay holds at a level of degradation. */
export const listHeldLevels = (admin: Admin): Promise<Printed> => listHeld(admin, LEVELS);

/** Holds a route, or all by `*`, at a level, or lets it go. */
export function holdLevel(admin: Admin, alias: string, level: string): Promise<Printed> {
  return hold(admin, LEVELS, alias, level);
}
