import { isJsonObject, type JsonObject } from "../json.ts";
import { hash32 } from "../text/hash.ts";

const DEEPEST_REFERENCE = 16;

/** The schema with its local `$ref` followed and its `allOf` folded in. */
export function resolved(schema: JsonObject, root: JsonObject): JsonObject {
  let current = schema;
  for (let followed = 0; typeof current.$ref === "string" && followed < DEEPEST_REFERENCE; followed += 1) {
    const { $ref: reference, ...rest } = current;
    current = merged(lookUp(String(reference), root), rest);
  }
  if (!Array.isArray(current.allOf)) return current;
  const { allOf, ...rest } = current;
  return allOf
    .filter(isJsonObject)
    .reduce((sum: JsonObject, part) => merged(sum, resolved(part, root)), rest as JsonObject);
}

/** One branch of `anyOf` or `oneOf`, chosen by the seed, folded into the rest. Sparse: the simplest one, so that recursion ends. */
export function branchOf(schema: JsonObject, root: JsonObject, seed: string, sparse: boolean): JsonObject {
  const { anyOf, oneOf, ...rest } = schema;
  const branches = (Array.isArray(anyOf) ? anyOf : Array.isArray(oneOf) ? oneOf : []).filter(isJsonObject);
  if (branches.length === 0) return schema;
  const simple = branches.filter(
    (branch) => !("$ref" in branch) && branch.type !== "object" && branch.type !== "array",
  );
  // Null says nothing about the shape, so it is chosen only where the value has to end.
  const telling = branches.filter((branch) => branch.type !== "null");
  const chosenFrom = sparse && simple.length > 0 ? simple : telling.length > 0 ? telling : branches;
  const chosen = chosenFrom[hash32(`branch ${seed}`) % chosenFrom.length] ?? {};
  return branchOf(merged(rest, resolved(chosen, root)), root, `${seed}|`, sparse);
}

/** What a local reference (`#/$defs/Node`) points at; the empty schema where it points nowhere. */
function lookUp(reference: string, root: JsonObject): JsonObject {
  let at: unknown = root;
  for (const part of reference.replace(/^#\/?/, "").split("/")) {
    if (part === "") continue;
    const name = decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~");
    at = isJsonObject(at) ? at[name] : Array.isArray(at) ? at[Number(name)] : undefined;
  }
  return isJsonObject(at) ? at : {};
}

/** Both schemas at once, for the keywords that add up; for the others the second wins. */
function merged(first: JsonObject, second: JsonObject): JsonObject {
  const result: Record<string, unknown> = { ...first, ...second };
  if (isJsonObject(first.properties) && isJsonObject(second.properties))
    result.properties = { ...first.properties, ...second.properties };
  if (Array.isArray(first.required) && Array.isArray(second.required))
    result.required = [...first.required, ...second.required];
  if (Array.isArray(first.allOf) && Array.isArray(second.allOf)) result.allOf = [...first.allOf, ...second.allOf];
  for (const [key, choose] of LIMITS) {
    const [left, right] = [first[key], second[key]];
    if (typeof left === "number" && typeof right === "number") result[key] = choose(left, right);
  }
  return result;
}

const LIMITS: readonly (readonly [string, (left: number, right: number) => number])[] = [
  ["minimum", Math.max],
  ["exclusiveMinimum", Math.max],
  ["minLength", Math.max],
  ["minItems", Math.max],
  ["maximum", Math.min],
  ["exclusiveMaximum", Math.min],
  ["maxLength", Math.min],
  ["maxItems", Math.min],
];
