import type { Admin, Printed } from "./commands.ts";
import { type HeldPart, hold, listHeld } from "./held.ts";

const BREAKERS: HeldPart = {
  part: "breakers",
  title: "breaker",
  nothing: "none is held: each opens and closes by what is seen of its backend",
  heldAt: (state) => `is held ${state}`,
  byItself: "opens and closes by itself again",
};

/** The breakers that the overlay holds open or closed. */
export const listHeldBreakers = (admin: Admin): Promise<Printed> => listHeld(admin, BREAKERS);

/** Holds the breaker of a backend, or of `backend/model`, or lets it go. */
export function holdBreaker(admin: Admin, name: string, state: "open" | "closed" | "auto"): Promise<Printed> {
  return hold(admin, BREAKERS, name, state);
}
