import { missing } from "../src/config/suggest.ts";
import { isRecord, Trouble } from "./client.ts";
import type { Admin, Printed } from "./commands.ts";
import { table } from "./format.ts";

/** A part of the overlay in which operators hold things by hand: a word under each name. */
export interface HeldPart {
  readonly part: "breakers" | "degradation";
  /** What a word is called, and which there are to hold at; `auto` is always one. */
  readonly kind: string;
  readonly words: readonly string[];
  /** The title over the names. */
  readonly title: string;
  /** What is said where nothing is held. */
  readonly nothing: string;
  /** What is said of one that is held at a word. */
  readonly heldAt: (word: string) => string;
  /** What is said of one that is let go. */
  readonly byItself: string;
}

/** Isolates read the overlay behind the request with which they hear of a new version. */
const WHEN = ": each isolate hears of it with its next request, and obeys from the one after";

/** The word that lets go what was held. */
const AUTO = "auto";

/** What the overlay holds of a part. */
export async function listHeld(admin: Admin, { part, title, nothing }: HeldPart): Promise<Printed> {
  const held = heldIn(await overlayOf(admin), part);
  const rows = Object.entries(held).map(([name, word]) => ({ [title]: name, held: String(word) }));
  return { json: held, text: table(rows, nothing) };
}

/** Holds one at a word, or lets it go: the next version of the overlay, otherwise as it was. */
export async function hold(admin: Admin, form: HeldPart, name: string, word: string): Promise<Printed> {
  const { part, kind, words, heldAt, byItself } = form;
  const known = new Set([...words, AUTO]);
  if (!known.has(word)) throw new Trouble(missing(kind, word, known));
  const overlay = await overlayOf(admin);
  const { [name]: before, ...others } = heldIn(overlay, part);
  if (word === AUTO && before === undefined)
    throw new Trouble(`${name} is not held; held: ${Object.keys(others).join(", ") || "none"}`);
  const version = Number(overlay.version ?? 0) + 1;
  const body = { ...overlay, version, [part]: word === AUTO ? others : { ...others, [name]: word } };
  const json = await admin("/overlay", { method: "PUT", body });
  const inEffect = Array.isArray(json.pending) && json.pending.length === 0;
  const text = `${name} ${word === AUTO ? byItself : heldAt(word)}`;
  return {
    json,
    text: inEffect ? `${text}${WHEN}` : `${text} in Postgres, but Redis could not be told: run this again`,
  };
}

type Members = Readonly<Record<string, unknown>>;

async function overlayOf(admin: Admin): Promise<Members> {
  const { overlay } = await admin("/overlay");
  return isRecord(overlay) ? overlay : {};
}

function heldIn(overlay: Members, part: HeldPart["part"]): Members {
  const held = overlay[part];
  return isRecord(held) ? held : {};
}
