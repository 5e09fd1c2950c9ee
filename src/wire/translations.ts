import { badRequest, UNTRANSLATABLE } from "../core/failure.ts";
import { fail } from "../core/result.ts";
import type { Translation } from "../core/wire.ts";

/** What a decoder finds in a request that another format could not carry, by the names that the caller used. */
export interface Findings {
  /** Lost without changing the meaning; named. */
  readonly unknown: Set<string>;
  /** Lost only with the meaning; refused. */
  readonly untranslatable: string[];
}

/** The wide event holds at most 16 KiB: field names come from the caller and are bounded. */
const MAX_ENTRIES = 32;
const MAX_NAME = 64;

/** What became of a request's fields on their way into a backend's format; each field once. */
export class Translations {
  private readonly entries = new Map<string, Translation>();

  note(field: string, what: Translation["what"]): void {
    const name = shown(field);
    if (this.entries.size < MAX_ENTRIES && !this.entries.has(name)) this.entries.set(name, { field: name, what });
  }

  list(): readonly Translation[] {
    return [...this.entries.values()];
  }
}

function shown(field: string): string {
  return field.slice(0, MAX_NAME).replaceAll(/[^\x20-\x7e]/g, "?");
}

/** The answer to a request that the target's format cannot say without changing its meaning. */
export function untranslatable(field: string, why?: string) {
  const name = shown(field);
  const reason = why ?? "the backend of this model speaks another format, into which the field cannot be translated";
  const failure = badRequest(`\`${name}\` cannot be used here: ${reason}.`, name, "unsupported_parameter");
  return fail({ ...failure, detail: UNTRANSLATABLE });
}
