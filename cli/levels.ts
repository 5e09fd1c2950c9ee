import { isRecord, Trouble } from "./client.ts";
import type { Admin, Printed } from "./commands.ts";
import { table } from "./format.ts";

type Members = Readonly<Record<string, unknown>>;

/** The routes that the overlay holds at a level of degradation. */
export async function listHeldLevels(admin: Admin): Promise<Printed> {
  const held = heldIn(await overlayOf(admin));
  const rows = Object.entries(held).map(([route, level]) => ({ route, held: String(level) }));
  return { json: held, text: table(rows, "none is held: each serves what its backends let it") };
}

/** Holds a route, or all by `*`, at a level, or lets it go: the next version of the overlay, otherwise as it was. */
export async function holdLevel(admin: Admin, alias: string, level: string): Promise<Printed> {
  const overlay = await overlayOf(admin);
  const { [alias]: before, ...others } = heldIn(overlay);
  if (level === "auto" && before === undefined) throw new Trouble(`${alias} is not held`);
  const degradation = level === "auto" ? others : { ...others, [alias]: level };
  const version = Number(overlay.version ?? 0) + 1;
  const json = await admin("/overlay", { method: "PUT", body: { ...overlay, version, degradation } });
  const inEffect = Array.isArray(json.pending) && json.pending.length === 0;
  const text = level === "auto" ? `${alias} finds its level by itself again` : `${alias} is held at ${level}`;
  return { json, text: inEffect ? text : `${text} in Postgres, but Redis could not be told: run this again` };
}

async function overlayOf(admin: Admin): Promise<Members> {
  const { overlay } = await admin("/overlay");
  return isRecord(overlay) ? overlay : {};
}

const heldIn = (overlay: Members): Members => (isRecord(overlay.degradation) ? overlay.degradation : {});
