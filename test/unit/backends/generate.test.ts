import { expect, test } from "vitest";
import { valueFor } from "../../../dev/backends/structure/generate.ts";
import { complaintsOf } from "./sdk-kit.ts";

const NODE = {
  type: "object",
  properties: { name: { type: "string" }, children: { type: "array", items: { $ref: "#/$defs/node" } } },
  required: ["name", "children"],
  additionalProperties: false,
};

/** Schemas of the kinds that tools and structured answers bring. */
const SCHEMAS: Readonly<Record<string, object>> = {
  flat: {
    type: "object",
    properties: {
      city: { type: "string", minLength: 3, maxLength: 7 },
      unit: { type: "string", enum: ["celsius", "fahrenheit"] },
      days: { type: "integer", minimum: 1, maximum: 3 },
      exact: { type: "boolean" },
    },
    required: ["city", "unit", "days"],
    additionalProperties: false,
  },
  limits: {
    type: "object",
    properties: {
      above: { type: "number", exclusiveMinimum: 4, exclusiveMaximum: 5 },
      steps: { type: "integer", multipleOf: 7, minimum: 20, maximum: 30 },
      low: { type: "integer", maximum: -5 },
      narrow: { type: "number", minimum: 0.1, maximum: 0.2 },
    },
    required: ["above", "steps", "low", "narrow"],
  },
  texts: {
    type: "object",
    properties: {
      code: { type: "string", pattern: "^[A-Z]{2}-\\d{4}(?:\\.[a-f]+)?$" },
      choice: { type: "string", pattern: "^(north|south) (east|west)$" },
      when: { type: "string", format: "date-time" },
      day: { type: "string", format: "date" },
      mail: { type: "string", format: "email" },
      id: { type: "string", format: "uuid" },
      where: { type: "string", format: "ipv4" },
      long: { type: "string", minLength: 40 },
    },
    required: ["code", "choice", "when", "day", "mail", "id", "where", "long"],
  },
  lists: {
    type: "object",
    properties: {
      tags: { type: "array", items: { enum: ["a", "b", "c"] }, minItems: 2, maxItems: 3, uniqueItems: true },
      pair: { type: "array", prefixItems: [{ type: "string" }, { type: "integer" }], items: false },
      none: { type: "array", items: { type: "string" }, maxItems: 0 },
    },
    required: ["tags", "pair", "none"],
  },
  choices: {
    type: "object",
    properties: {
      maybe: { anyOf: [{ type: "null" }, { type: "integer" }] },
      nullable: { type: ["string", "null"] },
      kind: {
        oneOf: [
          { type: "object", properties: { type: { const: "circle" }, r: { type: "number" } }, required: ["type", "r"] },
          { type: "object", properties: { type: { const: "square" }, a: { type: "number" } }, required: ["type", "a"] },
        ],
      },
    },
    required: ["maybe", "nullable", "kind"],
  },
  map: { type: "object", additionalProperties: { type: "integer", minimum: 5 } },
  recursive: { ...NODE, $defs: { node: NODE } },
  scalar: { type: "integer", minimum: 3 },
};

// planted: exclusiveMaximum taken for maximum; uniqueItems ignored; a reference that was not followed; maxLength in bytes
test.each(Object.keys(SCHEMAS))(
  "values made for the schema '%s' satisfy it, whatever the seed, and are the same again",
  (name) => {
    const schema = SCHEMAS[name] ?? {};
    for (let seed = 0; seed < 60; seed += 1) {
      const value = valueFor(schema, `seed ${seed}`);
      expect(complaintsOf(schema, value), JSON.stringify(value)).toBeUndefined();
      expect(valueFor(schema, `seed ${seed}`)).toEqual(value);
    }
  },
);

// planted: the seed was left out of the choice
test("the seed decides the value, and a schema that says nothing gives an object", () => {
  const values = Array.from({ length: 20 }, (_, seed) => JSON.stringify(valueFor(SCHEMAS.flat, String(seed))));
  expect(new Set(values).size).toBeGreaterThan(10);
  expect(valueFor({}, "x")).toMatchObject({ simulated: true, answer: expect.any(String) });
});

// planted: allOf's second part replaced the required names of the first
test("parts of allOf hold at once", () => {
  const schema = {
    allOf: [
      { type: "object", properties: { a: { type: "integer" } }, required: ["a"] },
      { properties: { b: { type: "string" } }, required: ["b"] },
    ],
  };
  for (let seed = 0; seed < 20; seed += 1)
    expect(valueFor(schema, `seed ${seed}`)).toMatchObject({ a: expect.any(Number), b: expect.any(String) });
});
