import { isJsonObject, type JsonObject } from "../../json.ts";
import { strictSchemaProblem } from "../../structure/strict-schema.ts";
import type { WireError } from "../errors.ts";
import { openAiError } from "./strict-words.ts";

/** What OpenAI would refuse of a named schema for structured output: in chat's `response_format`, in Responses' `text.format`. */
export function strictFormatProblem(format: JsonObject, place: string): WireError | undefined {
  const { schema, strict, name } = format;
  if (strict !== true || !isJsonObject(schema)) return undefined;
  const lacking = strictSchemaProblem(schema, true);
  if (lacking === undefined) return undefined;
  return openAiError(`Invalid schema for response_format '${String(name)}': ${lacking}`, place, null);
}
