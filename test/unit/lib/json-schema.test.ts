import { describe, expect, test } from "vitest";
import { checkAgainstSchema } from "../../../src/lib/json-schema.ts";

const PERSON = {
  type: "object",
  properties: { name: { type: "string", minLength: 1 }, tags: { type: "array", items: { $ref: "#/$defs/tag" } } },
  required: ["name"],
  additionalProperties: false,
  $defs: { tag: { enum: ["a", "b"] } },
};

describe("a value against a schema", () => {
  // planted: `additionalProperties` among what is not checked; the getter of `$ref` that gives nothing
  test.each<[unknown, string]>([
    [{ name: "x", tags: ["a", "b"] }, "valid"],
    [{ name: "" }, "invalid"],
    [{}, "invalid"],
    [{ name: "x", tags: ["c"] }, "invalid"],
    [{ name: "x", more: 1 }, "invalid"],
    [[], "invalid"],
    [null, "invalid"],
  ])("%j is %s", async (value, kind) => {
    expect(await checkAgainstSchema(PERSON, value)).toMatchObject({ kind });
  });

  test("says where and what", async () => {
    const told = await checkAgainstSchema(PERSON, { name: 1 });
    expect(told).toMatchObject({ kind: "invalid", problem: expect.stringContaining("#/name") });
  });

  test("may be a tree", async () => {
    const tree = { type: "object", properties: { inner: { $ref: "#" } }, additionalProperties: false };
    expect(await checkAgainstSchema(tree, { inner: { inner: {} } })).toEqual({ kind: "valid" });
    expect(await checkAgainstSchema(tree, { inner: { outer: {} } })).toMatchObject({ kind: "invalid" });
  });

  test("knows a property by the name of a keyword", async () => {
    const schema = { properties: { $ref: { type: "number" }, pattern: { type: "string" } }, required: ["pattern"] };
    expect(await checkAgainstSchema(schema, { $ref: 1, pattern: "x" })).toEqual({ kind: "valid" });
    expect(await checkAgainstSchema(schema, { $ref: "1", pattern: "x" })).toMatchObject({ kind: "invalid" });
  });
});

describe("a schema that means harm", () => {
  // planted: `pattern` left in (this test then takes for ever)
  test("cannot run a regular expression", async () => {
    expect(await checkAgainstSchema({ pattern: "^(a+)+$" }, `${"a".repeat(40)}!`)).toEqual({ kind: "valid" });
    expect(
      await checkAgainstSchema({ patternProperties: { "^(a+)+$": false }, additionalProperties: false }, { a: 1 }),
    ).toEqual({
      kind: "valid",
    });
  });

  // planted: `size` left out of the budget; no budget at all
  test.each<[string, unknown, unknown]>([
    [
      "references that double",
      {
        $ref: "#/$defs/a0",
        $defs: Object.fromEntries(
          Array.from({ length: 40 }, (_, i) => [
            `a${i}`,
            i === 39 ? {} : { allOf: [{ $ref: `#/$defs/a${i + 1}` }, { $ref: `#/$defs/a${i + 1}` }] },
          ]),
        ),
      },
      {},
    ],
    [
      "a deep value that doubles",
      {
        $ref: "#/$defs/a",
        $defs: { a: { properties: { x: { allOf: [{ $ref: "#/$defs/a" }, { $ref: "#/$defs/a" }] } } } },
      },
      JSON.parse(`${'{"x":'.repeat(60)}1${"}".repeat(60)}`),
    ],
    [
      "a long list of words for each of many elements",
      { items: { enum: Array.from({ length: 20_000 }, (_, i) => `w${i}`) } },
      Array.from({ length: 1_000 }, () => "w19999"),
    ],
  ])("is given up: %s", async (_, schema, value) => {
    expect(await checkAgainstSchema(schema, value)).toEqual({ kind: "unusable", problem: "too_complex" });
  });

  test.each<[string, unknown]>([
    ["a reference without a target", { $ref: "#/$defs/none" }],
    ["a reference to another host", { $ref: "https://example.com/schema.json" }],
    ["itself for ever", { $ref: "#" }],
  ])("is called unusable: %s", async (_, schema) => {
    expect(await checkAgainstSchema(schema, {})).toMatchObject({ kind: "unusable" });
  });

  test("cannot reach a prototype", async () => {
    const schema = JSON.parse('{"__proto__":{"type":"string"},"properties":{"__proto__":{"type":"string"}}}');
    expect(await checkAgainstSchema(schema, {})).toEqual({ kind: "valid" });
    expect(({} as { type?: string }).type).toBeUndefined();
  });
});
