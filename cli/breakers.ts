import type { Admin, Printed } from "./commands.ts";
import { cell, records, table } from "./format.ts";
import { type HeldPart, hold, listHeld } from "./held.ts";

const BREAKERS: HeldPart = {
  part: "breakers",
  kind: "state",
  words: ["open", "closed"],
  title: "breaker",
  nothing: "none is held: each opens and closes by what is seen of its backend",
  heldAt: (state) => `is held ${state}`,
  byItself: "opens and closes by itself again",
};

/** Every breaker: what was seen of it, and what it is held at. */
export async function listBreakers(admin: Admin): Promise<Printed> {
  const json = await admin("/breakers");
  const rows = records(json.data).map((breaker) => ({
    breaker: cell(breaker.breaker),
    state: cell(breaker.state),
    "open until": cell(breaker.openUntil),
    "failures in a row": breaker.failures === 0 ? "" : cell(breaker.failures),
    probe: breaker.probing === true ? "under way" : "",
    "held by hand": cell(breaker.held),
  }));
  return { json: json.data, text: table(rows, "no route asks for anything") };
}

/** The breakers that the overlay holds open or closed. */
export const listHeldBreakers = (admin: Admin): Promise<Printed> => listHeld(admin, BREAKERS);

/** Holds the breaker of a backend, or of `backend/model`, or lets it go. */
export function holdBreaker(admin: Admin, name: string, state: "open" | "closed" | "auto"): Promise<Printed> {
  return hold(admin, BREAKERS, name, state);
}
