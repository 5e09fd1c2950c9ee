import { Trouble } from "./client.ts";
import type { Admin, Printed } from "./commands.ts";
import { table } from "./format.ts";

type Held = Readonly<Record<string, unknown>>;

/** The breakers that the overlay holds open or closed. */
export async function listHeldBreakers(admin: Admin): Promise<Printed> {
  const held = heldIn(await overlayOf(admin));
  const rows = Object.entries(held).map(([breaker, state]) => ({ breaker, held: String(state) }));
  return { json: held, text: table(rows, "none is held: each opens and closes by what is seen of its backend") };
}

/** Holds the breaker of a backend, or of `backend/model`, or lets it go: the next version of the overlay, otherwise as it was. */
export async function holdBreaker(admin: Admin, name: string, state: "open" | "closed" | "auto"): Promise<Printed> {
  const overlay = await overlayOf(admin);
  const { [name]: before, ...others } = heldIn(overlay);
  if (state === "auto" && before === undefined) throw new Trouble(`the breaker ${name} is not held`);
  const breakers = state === "auto" ? others : { ...others, [name]: state };
  const version = Number(overlay.version ?? 0) + 1;
  const json = await admin("/overlay", { method: "PUT", body: { ...overlay, version, breakers } });
  const inEffect = Array.isArray(json.pending) && json.pending.length === 0;
  const text = state === "auto" ? `${name} opens and closes by itself again` : `${name} is held ${state}`;
  return { json, text: inEffect ? text : `${text} in Postgres, but Redis could not be told: run this again` };
}

async function overlayOf(admin: Admin): Promise<Held> {
  const { overlay } = await admin("/overlay");
  return isRecord(overlay) ? overlay : {};
}

const heldIn = (overlay: Held): Held => (isRecord(overlay.breakers) ? overlay.breakers : {});

function isRecord(value: unknown): value is Held {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
