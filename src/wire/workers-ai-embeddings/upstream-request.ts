import type { Result } from "../../core/result.ts";
import type { AttemptRequest, WireRequest } from "../../core/wire.ts";
import { untranslatable } from "../translations.ts";
import { runOf } from "../workers-ai/run.ts";

/** `{"text": […]}`. Tokens of another model's vocabulary mean nothing here, and vectors come in their own length. */
export function encodeRequest(attempt: AttemptRequest): Result<WireRequest> {
  const { draft } = attempt;
  if (draft.operation !== "embed") throw new Error("an embedding format was asked to carry another operation");
  if (draft.dimensions !== undefined) return untranslatable("dimensions");
  const texts = draft.inputs.filter((input) => typeof input === "string");
  if (texts.length < draft.inputs.length)
    return untranslatable("input", "the backend of this model takes texts, not tokens");
  return runOf(attempt, { text: texts });
}
