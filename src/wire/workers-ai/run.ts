import type { JsonObject } from "../../core/json.ts";
import { ok, type Result } from "../../core/result.ts";
import type { AttemptRequest, WireRequest } from "../../core/wire.ts";
import { Translations } from "../translations.ts";

/** `AI.run(model, input)`: the model is the path, the input the body. What became of the caller's fields is `translations`, or what the input has no word for is lost. */
export function runOf(
  attempt: AttemptRequest,
  input: JsonObject,
  translations = lossesOf(attempt),
): Result<WireRequest> {
  return ok({
    path: `/${attempt.model}`,
    headers: {},
    body: JSON.stringify(input),
    translations: translations.list(),
  });
}

function lossesOf({ draft }: AttemptRequest): Translations {
  const translations = new Translations();
  for (const field of draft.unknownFields) translations.note(field, "dropped");
  if (draft.endUser !== undefined) translations.note("user", "dropped");
  return translations;
}
