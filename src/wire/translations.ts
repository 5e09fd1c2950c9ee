import { type ContentBlock, findInBlocks, type Message } from "../core/draft.ts";
import { badRequest, UNTRANSLATABLE } from "../core/failure.ts";
import type { Json } from "../core/json.ts";
import { fail } from "../core/result.ts";
import type { AttemptRequest, Translation } from "../core/wire.ts";
import { nameIn, type Word } from "./names.ts";

/** What a decoder finds in a request that another format could not carry, by the names that the caller used. */
export interface Findings {
  /** Lost without changing the meaning; named. */
  readonly unknown: Set<string>;
  /** Lost only with the meaning; refused. */
  readonly untranslatable: string[];
}

/** Content that has no word: it passes to a backend of the same format, and is refused to others. */
export function wordless({ untranslatable }: Findings, kind: string, data: Json, path: string): ContentBlock {
  untranslatable.push(path);
  return { type: "other", kind, data, path };
}

/** The wide event holds at most 16 KiB: field names come from the caller and are bounded. */
const MAX_ENTRIES = 32;
const MAX_NAME = 64;

/** What became of a request's fields on their way into a backend's format; each field once. */
export class Translations {
  private readonly entries = new Map<string, Translation>();

  /** A loss outweighs what is said of the same field elsewhere in the request. */
  note(field: string, what: Translation["what"]): void {
    const name = shown(field);
    const known = this.entries.get(name);
    if (known ? what === "dropped" && known.what !== "dropped" : this.entries.size < MAX_ENTRIES) {
      this.entries.set(name, { field: name, what });
    }
  }

  list(): readonly Translation[] {
    return [...this.entries.values()];
  }
}

/** Who draws up a request in a format from a draft: what is asked, and what became of each part of it, told in the caller's words. */
export class Draftsman {
  readonly attempt: AttemptRequest;
  readonly translations: Translations;

  constructor(attempt: AttemptRequest, translations: Translations) {
    this.attempt = attempt;
    this.translations = translations;
  }

  nameOf(word: Word): string {
    return nameIn(this.attempt.clientWire, word);
  }

  note(word: Word, what: Translation["what"]): void {
    this.translations.note(this.nameOf(word), what);
  }

  /** The refusal of the first block that `why` has something against, by where it stands in the caller's request. */
  refusedBlock(
    messages: readonly Message[],
    why: (block: ContentBlock, inResult: boolean) => string | undefined,
  ): ReturnType<typeof untranslatable> | undefined {
    return findInBlocks(messages, (block, inResult) => {
      const says = why(block, inResult);
      return says === undefined
        ? undefined
        : untranslatable("path" in block ? block.path : this.nameOf("toolResults"), says);
    });
  }

  /** Notes it where the caller said anything. */
  noteIf(said: unknown, word: Word, what: Translation["what"]): void {
    if (said !== undefined) this.note(word, what);
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
