import { isJsonObject, type Json, type JsonObject } from "../core/json.ts";

/** How long an answer is kept: as long as OpenAI keeps one. */
export const KEPT_FOR_SECONDS = 30 * 24 * 3_600;
/** What is kept at most, as UTF-16 units of the JSON text; the store counts its bytes. A longer conversation is not kept. */
export const KEPT_MAX_BYTES = 256 * 1024;

/** A kept answer with all that was said before it, so that going on from it takes one read, however long the chain. */
export interface KeptEntry {
  readonly v: 1;
  /** Stands in the key, too: an entry under another tenant's key is none. */
  readonly tenant: string;
  readonly alias: string;
  /** What the caller was told. */
  readonly answer: JsonObject;
  /** What was said before the answer, in the items of the caller's format. */
  readonly items: readonly Json[];
}

export function keptEntry(entry: Omit<KeptEntry, "v">): string {
  return JSON.stringify({ v: 1, ...entry } satisfies KeptEntry);
}

/** Undefined for anything that is not an entry of this version and tenant: it is as if nothing had been kept. */
export function fromKeptEntry(value: string, tenant: string): KeptEntry | undefined {
  try {
    const entry: unknown = JSON.parse(value);
    if (!isJsonObject(entry) || entry.v !== 1 || entry.tenant !== tenant) return undefined;
    return isJsonObject(entry.answer) && Array.isArray(entry.items) ? (entry as unknown as KeptEntry) : undefined;
  } catch {
    return undefined;
  }
}
