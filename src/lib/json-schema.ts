import type { Schema } from "@cfworker/json-schema";

/**
 * JSON Schema (draft 2020-12) for schemas and values that strangers write: no code is made of a schema (Workers have no `eval`), no regular
 * expression of theirs is run, and the work is bounded. Not checked: `pattern`, `patternProperties` (and what `additionalProperties` says beside it),
 * `format` (an annotation by default in this draft), `uniqueItems`. What is not checked passes.
 */
export type SchemaCheck =
  | { readonly kind: "valid" }
  /** `problem`: where and what, for the model that has to mend it. */
  | { readonly kind: "invalid"; readonly problem: string }
  /** The schema itself cannot be used: a reference without a target, or more work than is spent on one. */
  | { readonly kind: "unusable"; readonly problem: "not_a_schema" | "too_complex" };

/** Steps of a check; one is about a microsecond. */
const MAX_STEPS = 50_000;
const PROBLEMS_TOLD = 3;

/** Loads the validator with the first check: isolates that never check never evaluate it. */
export async function checkAgainstSchema(schema: unknown, value: unknown): Promise<SchemaCheck> {
  const { Validator } = await import("@cfworker/json-schema");
  const budget = { left: MAX_STEPS };
  try {
    const { valid, errors } = new Validator(checked(schema, budget) as Schema, "2020-12", true).validate(value);
    if (valid) return { kind: "valid" };
    // The deepest come last; those before only say that something inside them is wrong.
    const told = errors.slice(-PROBLEMS_TOLD).map(({ instanceLocation, error }) => `${instanceLocation}: ${error}`);
    return { kind: "invalid", problem: told.join(" ") };
  } catch {
    return { kind: "unusable", problem: budget.left <= 0 ? "too_complex" : "not_a_schema" };
  }
}

const NOT_CHECKED = new Set(["pattern", "patternProperties", "format", "uniqueItems"]);
const CLOSING = new Set(["additionalProperties", "unevaluatedProperties"]);
/** Keywords whose value is a map of schemas. */
const MAPS = new Set(["$defs", "definitions", "properties", "dependentSchemas", "dependencies"]);
/** Keywords whose value is no schema, whatever it looks like. */
const VALUES = new Set(["enum", "const", "default", "required", "type", "examples", "dependentRequired"]);

type Plain = Readonly<Record<string, unknown>>;

/** A copy without what is not checked, in which every look at a subschema costs its size from the budget. */
function checked(schema: unknown, budget: { left: number }): unknown {
  if (Array.isArray(schema)) return schema.map((item) => checked(item, budget));
  if (!isPlain(schema)) return schema;
  const copy: Record<string, unknown> = {};
  const open = Object.hasOwn(schema, "patternProperties");
  let size = 1;
  for (const [keyword, value] of Object.entries(schema)) {
    if (NOT_CHECKED.has(keyword) || keyword === "__proto__" || keyword === "$ref" || (open && CLOSING.has(keyword)))
      continue;
    if (VALUES.has(keyword)) {
      copy[keyword] = value;
      size += sizeOf(value);
    } else if (MAPS.has(keyword) && isPlain(value)) {
      const entries = Object.entries(value).filter(([name]) => name !== "__proto__");
      copy[keyword] = Object.fromEntries(entries.map(([name, inner]) => [name, checked(inner, budget)]));
      size += entries.length;
    } else {
      copy[keyword] = checked(value, budget);
      if (Array.isArray(value)) size += value.length;
    }
  }
  const { $ref } = schema;
  // The validator reads `$ref` of each subschema once for each value that it holds against it: the one place where its work can be counted.
  Object.defineProperty(copy, "$ref", {
    enumerable: true,
    get() {
      budget.left -= size;
      if (budget.left <= 0) throw new Error("too much work");
      return $ref;
    },
  });
  return copy;
}

function sizeOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  return Object.values(value).reduce((sum: number, inner) => sum + 1 + sizeOf(inner), 0);
}

function isPlain(value: unknown): value is Plain {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
