import type { JsonObject } from "../json.ts";
import { hashToUnit } from "../text/hash.ts";

const USUAL_RANGE = 100;

function limit(schema: JsonObject, key: string): number | undefined {
  const value = schema[key];
  return typeof value === "number" ? value : undefined;
}

/** A number within the schema's limits; whole where it must be, and a multiple of `multipleOf`. */
export function numberFor(schema: JsonObject, seed: string, integer: boolean): number {
  const step = limit(schema, "multipleOf") ?? (integer ? 1 : 0.5);
  const above = limit(schema, "exclusiveMinimum");
  const below = limit(schema, "exclusiveMaximum");
  const highest = limit(schema, "maximum") ?? below;
  const lowest = limit(schema, "minimum") ?? above ?? (highest === undefined ? 0 : Math.min(0, highest - USUAL_RANGE));
  const top = highest ?? lowest + Math.max(USUAL_RANGE, step * 2);
  let first = Math.ceil(lowest / step);
  let last = Math.floor(top / step);
  if (above !== undefined && first * step <= above) first += 1;
  if (below !== undefined && last * step >= below) last -= 1;
  // Narrower than one step: a fraction between the limits is all that is left.
  if (last < first) return integer ? Math.ceil(lowest) : (lowest + top) / 2;
  const multiple = first + Math.floor(hashToUnit(`number ${seed}`) * (last - first + 1));
  return Number((multiple * step).toPrecision(15));
}
