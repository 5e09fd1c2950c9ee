import { isJsonObject, type JsonObject } from "../json.ts";

/** What a strict schema lacks and where: every object closed and, for OpenAI, all of its properties required. Undefined where nothing is lacking. */
export function strictSchemaProblem(
  schema: JsonObject,
  needsAllRequired: boolean,
  path: readonly string[] = [],
): string | undefined {
  const { type, properties, required, additionalProperties } = schema;
  const context = `In context=(${path.map((step) => `'${step}'`).join(", ")})`;
  if (type === "object" && additionalProperties !== false)
    return `${context}, 'additionalProperties' is required to be supplied and to be false.`;
  if (type === "object" && needsAllRequired && isJsonObject(properties)) {
    const missing = Object.keys(properties).find((name) => !Array.isArray(required) || !required.includes(name));
    if (missing !== undefined)
      return `${context}, 'required' is required to be supplied and to be an array including every key in properties. Missing '${missing}'.`;
  }
  for (const [step, inner] of subschemas(schema)) {
    const problem = strictSchemaProblem(inner, needsAllRequired, [...path, ...step]);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function subschemas(schema: JsonObject): (readonly [step: readonly string[], inner: JsonObject])[] {
  const found: (readonly [readonly string[], JsonObject])[] = [];
  for (const key of ["properties", "$defs", "definitions"]) {
    const holder = schema[key];
    if (!isJsonObject(holder)) continue;
    for (const [name, inner] of Object.entries(holder)) if (isJsonObject(inner)) found.push([[key, name], inner]);
  }
  for (const key of ["anyOf", "allOf", "oneOf"]) {
    const list = schema[key];
    if (!Array.isArray(list)) continue;
    for (const [index, inner] of list.entries()) if (isJsonObject(inner)) found.push([[key, String(index)], inner]);
  }
  if (isJsonObject(schema.items)) found.push([["items"], schema.items]);
  return found;
}
