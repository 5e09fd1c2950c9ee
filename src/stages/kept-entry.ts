import { mayUse, type Principal } from "../core/identity.ts";
import { isJsonObject, type Json, type JsonObject } from "../core/json.ts";

/** How long an answer is kept: as long as OpenAI keeps one. */
export const KEPT_FOR_SECONDS = 30 * 24 * 3_600;

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

/**
 * Undefined for anything that is not an entry of this version and of the principal's tenant, made by a model that the principal may use: it is as
 * if nothing had been kept.
 */
export function fromKeptEntry(value: string, principal: Principal): KeptEntry | undefined {
  try {
    const entry: unknown = JSON.parse(value);
    if (!isJsonObject(entry) || entry.v !== 1 || entry.tenant !== principal.tenant) return undefined;
    if (typeof entry.alias !== "string" || !mayUse(principal, entry.alias)) return undefined;
    return isJsonObject(entry.answer) && Array.isArray(entry.items) ? (entry as unknown as KeptEntry) : undefined;
  } catch {
    return undefined;
  }
}
