import { isJsonObject, type JsonObject } from "../json.ts";
import { hash32 } from "../text/hash.ts";
import { branchOf, resolved } from "./combine.ts";
import { numberFor } from "./numbers.ts";
import { stringFor } from "./strings.ts";

/**
 * A value that satisfies a JSON schema, chosen by the seed text alone. It knows the common keywords: type, enum, const, properties, required,
 * additionalProperties, minProperties, items, prefixItems, min/maxItems, uniqueItems, the numbers' and strings' limits, pattern, format, local `$ref`,
 * allOf, anyOf and oneOf. It does not know `not`, `if`, `contains`, `patternProperties` and dependencies.
 */
export function valueFor(schema: unknown, seedText: string): unknown {
  return generate(schema, { root: isJsonObject(schema) ? schema : {}, seed: seedText, depth: 0 });
}

/** Where in the schema and in the value the generator stands. */
interface Place {
  readonly root: JsonObject;
  readonly seed: string;
  readonly depth: number;
}

/** From this depth on, only what is required is made, so that recursive schemas end. */
const SPARSE_DEPTH = 4;
const MOST_TRIES_FOR_UNIQUE = 24;

function inside(place: Place, step: string | number): Place {
  return { root: place.root, seed: `${place.seed}/${step}`, depth: place.depth + 1 };
}

function pick<T>(from: readonly T[], seed: string): T | undefined {
  return from[hash32(seed) % from.length];
}

function generate(given: unknown, place: Place): unknown {
  if (!isJsonObject(given)) return proseObject(place);
  const base = resolved(given, place.root);
  const schema = branchOf(base, place.root, place.seed, place.depth >= SPARSE_DEPTH);
  if ("const" in schema) return schema.const;
  if (Array.isArray(schema.enum)) return pick(schema.enum, place.seed);
  switch (typeOf(schema, place)) {
    case "object":
      return objectFor(schema, place);
    case "array":
      return arrayFor(schema, place);
    case "number":
      return numberFor(schema, place.seed, false);
    case "integer":
      return numberFor(schema, place.seed, true);
    case "boolean":
      return hash32(place.seed) % 2 === 0;
    case "null":
      return null;
    default:
      return stringFor(schema, place.seed);
  }
}

/** The type that the schema names (one of several by seed, null last), or the one that its keywords imply. */
function typeOf(schema: JsonObject, place: Place): unknown {
  if (typeof schema.type === "string") return schema.type;
  if (Array.isArray(schema.type)) {
    const wanted = schema.type.filter((type) => type !== "null");
    const isSparse = place.depth >= SPARSE_DEPTH && wanted.length < schema.type.length;
    return isSparse ? "null" : (pick(wanted, place.seed) ?? "null");
  }
  if ("properties" in schema || "required" in schema || "additionalProperties" in schema) return "object";
  if ("items" in schema || "prefixItems" in schema) return "array";
  if ("minimum" in schema || "maximum" in schema || "multipleOf" in schema) return "number";
  if (Object.keys(schema).length === 0 && place.depth === 0) return "object";
  return "string";
}

function objectFor(schema: JsonObject, place: Place): JsonObject {
  const properties = isJsonObject(schema.properties) ? schema.properties : {};
  const required = Array.isArray(schema.required) ? schema.required.map(String) : [];
  const result: Record<string, unknown> = {};
  for (const [name, property] of Object.entries(properties)) {
    const isWanted = place.depth < SPARSE_DEPTH && hash32(`optional ${place.seed}/${name}`) % 3 !== 0;
    if (required.includes(name) || isWanted) result[name] = generate(property, inside(place, name));
  }
  const others = isJsonObject(schema.additionalProperties) ? schema.additionalProperties : { type: "string" };
  for (const name of required) if (!(name in result)) result[name] = generate(others, inside(place, name));
  const describesMaps = Object.keys(properties).length === 0 && isJsonObject(schema.additionalProperties);
  const fewest = typeof schema.minProperties === "number" ? schema.minProperties : describesMaps ? 1 : 0;
  for (let index = 0; Object.keys(result).length < fewest && schema.additionalProperties !== false; index += 1)
    result[`key_${index + 1}`] = generate(others, inside(place, `key_${index + 1}`));
  if (place.depth === 0 && Object.keys(schema).length === 0) return proseObject(place);
  return result;
}

function arrayFor(schema: JsonObject, place: Place): unknown[] {
  const fixed = Array.isArray(schema.prefixItems) ? schema.prefixItems : [];
  const fewest = typeof schema.minItems === "number" ? schema.minItems : 0;
  const most = typeof schema.maxItems === "number" ? schema.maxItems : Math.max(fewest, fixed.length, 3);
  const wanted =
    place.depth >= SPARSE_DEPTH ? fewest : Math.min(most, Math.max(fewest, 1 + (hash32(place.seed) % 3), fixed.length));
  const items: unknown[] = [];
  const seen = new Set<string>();
  for (let attempt = 0; items.length < wanted && attempt < wanted + MOST_TRIES_FOR_UNIQUE; attempt += 1) {
    const itemSchema = fixed[items.length] ?? schema.items;
    if (itemSchema === false || (itemSchema === undefined && fixed.length > 0)) break;
    const value = generate(itemSchema ?? { type: "string" }, inside(place, attempt));
    const key = JSON.stringify(value);
    if (schema.uniqueItems === true && seen.has(key)) continue;
    seen.add(key);
    items.push(value);
  }
  return items;
}

/** Where the schema says nothing: an object that says what it is. */
function proseObject(place: Place): JsonObject {
  return { simulated: true, answer: stringFor({}, place.seed) };
}
