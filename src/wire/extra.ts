import { isJsonObject, type Json, type JsonObject } from "../core/json.ts";
import { isList } from "./read.ts";

/**
 * Two reports of fields that nobody here has a word for, as one: lists grow (log probabilities, token ids come in pieces), objects are
 * merged, and of anything else the later wins, unless it is null.
 */
export function mergeExtra(earlier: JsonObject, later: JsonObject): JsonObject {
  const merged: Record<string, Json> = { ...earlier };
  for (const key of Object.keys(later)) {
    if (key === "__proto__") continue;
    const value = later[key] ?? null;
    const before = Object.hasOwn(merged, key) ? merged[key] : undefined;
    if (isList(before) && isList(value)) merged[key] = [...before, ...value];
    else if (isJsonObject(before) && isJsonObject(value)) merged[key] = mergeExtra(before, value);
    else if (before === undefined || value !== null) merged[key] = value;
  }
  return merged;
}
