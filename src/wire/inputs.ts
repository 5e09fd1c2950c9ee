import type { Json } from "../core/json.ts";
import { type Fields, isList } from "./read.ts";

/** OpenAI's own limit. */
const MAX_INPUTS = 2048;

/** Texts or token ids, of which each stands by itself: a text, a list of texts, a list of tokens, or a list of lists of tokens. */
export function readInputs(fields: Fields, field: string): readonly (string | readonly number[])[] {
  const input = fields.value(field);
  if (input === undefined) fields.missing(field);
  if (input === undefined || typeof input === "string") return [input ?? ""];
  if (!isList(input)) {
    fields.complain(field, "must be a string, or a list of strings or of tokens", "invalid_type");
    return [];
  }
  if (input.length === 0) fields.complain(field, "must not be empty", "invalid_value");
  if (isTokens(input)) return [input];
  if (input.length > MAX_INPUTS) fields.complain(field, `must hold at most ${MAX_INPUTS} inputs`, "invalid_value");
  const inputs: (string | readonly number[])[] = [];
  for (const [i, item] of input.entries()) {
    if (typeof item === "string" || (isList(item) && item.length > 0 && isTokens(item))) inputs.push(item);
    else fields.complain(`${field}[${i}]`, "must be a string or a list of tokens", "invalid_type");
  }
  return inputs;
}

function isTokens(list: readonly Json[]): list is readonly number[] {
  return list.every((token) => typeof token === "number" && Number.isInteger(token) && token >= 0);
}
