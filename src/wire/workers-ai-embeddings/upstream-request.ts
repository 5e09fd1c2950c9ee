import { ok, type Result } from "../../core/result.ts";
import type { AttemptRequest, WireRequest } from "../../core/wire.ts";
import { Translations, untranslatable } from "../translations.ts";

/** `{"text": […]}`. Tokens of another model's vocabulary mean nothing here, and vectors come in their own length. */
export function encodeRequest({ draft, model }: AttemptRequest): Result<WireRequest> {
  if (draft.operation !== "embed") throw new Error("an embedding format was asked to carry another operation");
  if (draft.dimensions !== undefined) return untranslatable("dimensions");
  const texts = draft.inputs.filter((input) => typeof input === "string");
  if (texts.length < draft.inputs.length)
    return untranslatable("input", "the backend of this model takes texts, not tokens");
  const translations = new Translations();
  for (const field of draft.unknownFields) translations.note(field, "dropped");
  if (draft.endUser !== undefined) translations.note("user", "dropped");
  return ok({
    path: `/${model}`,
    headers: {},
    body: JSON.stringify({ text: texts }),
    translations: translations.list(),
  });
}
