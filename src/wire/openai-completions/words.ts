import type { JsonObject } from "../../core/json.ts";
import { isJsonObject } from "../../core/json.ts";
import { given } from "../read.ts";

export const NAME = "openai-completions";

/** The one block of a choice's text, and the one for what has no word. */
export const TEXT_BLOCK = 0;
export const EXTRA_BLOCK = 1;

/** What has no word in the vocabulary, kept for callers of this format: fields of the choice (log probabilities among them), or of the whole. */
export interface Extras {
  readonly choice?: JsonObject;
  readonly top?: JsonObject;
}

export function extras(fields: Extras): JsonObject {
  return { wire: NAME, ...fields } as JsonObject;
}

/** The extras in an `other` event or block, if they are this format's. */
export function extrasOf(data: JsonObject): Extras | undefined {
  if (data.wire !== NAME) return undefined;
  const { choice, top } = data;
  return given({
    choice: isJsonObject(choice) ? choice : undefined,
    top: isJsonObject(top) ? top : undefined,
  });
}
