import { isJsonObject, type Json, type JsonObject } from "../../src/core/json.ts";

/**
 * The same schema, told so that a wrong value is told of once: a union whose branches each fix another `type` asks for one of these and then for that
 * branch alone, a nullable type for null or the rest. As made from types, a validator would list what all branches miss.
 */
export function discriminated(schema: JsonObject): JsonObject {
  const definitions = isJsonObject(schema.definitions) ? schema.definitions : {};

  const resolved = (branch: Json): Json => {
    if (!isJsonObject(branch) || typeof branch.$ref !== "string") return branch;
    return resolved(definitions[decodeURIComponent(branch.$ref.replace("#/definitions/", ""))] ?? {});
  };
  /** The branches of a union and of the unions in it. */
  const branchesOf = (union: readonly Json[]): readonly Json[] =>
    union.flatMap((branch) => {
      const whole = resolved(branch);
      return isJsonObject(whole) && Array.isArray(whole.anyOf) ? branchesOf(whole.anyOf as Json[]) : [branch];
    });
  const typeOf = (branch: Json): string | undefined => {
    const whole = resolved(branch);
    const type = isJsonObject(whole) && isJsonObject(whole.properties) ? whole.properties.type : undefined;
    return isJsonObject(type) && typeof type.const === "string" ? type.const : undefined;
  };

  const union = (anyOf: readonly Json[]): JsonObject => {
    const all = branchesOf(anyOf);
    const some = all.filter((branch) => !(isJsonObject(branch) && branch.type === "null")).map(walk);
    const types = some.map(typeOf);
    const told =
      some.length === 1
        ? (some[0] as JsonObject)
        : types.every((type) => type !== undefined) && new Set(types).size === types.length
          ? byType(some, types as string[])
          : { anyOf: some };
    return some.length === all.length ? told : { if: { type: "null" }, else: told };
  };

  const walk = (value: Json): Json => {
    if (Array.isArray(value)) return value.map(walk);
    if (!isJsonObject(value)) return value;
    const { anyOf, ...others } = value;
    const walked = Object.fromEntries(Object.entries(others).map(([key, member]) => [key, walk(member as Json)]));
    return Array.isArray(anyOf) ? { ...walked, ...union(anyOf as Json[]) } : walked;
  };
  return walk(schema) as JsonObject;
}

function byType(branches: readonly Json[], types: readonly string[]): JsonObject {
  return {
    type: "object",
    required: ["type"],
    properties: { type: { enum: [...types] } },
    allOf: branches.map((branch, index) => ({
      if: { properties: { type: { not: { const: types[index] ?? "" } } } },
      else: branch,
    })),
  };
}
