import { expect, test } from "vitest";
import { controlsOf } from "../../../src/http/receive.ts";

const read = (name: string, value: string) => controlsOf(new Headers({ [`x-gateway-${name}`]: value }));

// planted, one after the other: each rule left out
test("what a caller says of a request for rules of routes is read, or refused by its name", () => {
  for (const [name, value, read_] of [
    ["task", "code", "code"],
    ["session", "s-1_A", "s-1_A"],
    ["metadata", '{"team":"search"}', { team: "search" }],
    ["metadata", "{}", {}],
  ] as const)
    expect(read(name, value)).toMatchObject({ ok: true, value: { [name]: read_ } });
  for (const [name, value] of [
    ["task", "a b"],
    ["task", "x".repeat(65)],
    ["session", "a/b"],
    ["session", "x".repeat(129)],
    ["metadata", "team=search"],
    ["metadata", "[]"],
    ["metadata", "null"],
    ["metadata", '["a"]'],
    ["metadata", '{"team":7}'],
    ["metadata", '{"a b":"c"}'],
    ["metadata", JSON.stringify({ team: "x".repeat(257) })],
    ["metadata", JSON.stringify(Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`k${index}`, "v"])))],
  ] as const)
    expect(read(name, value)).toMatchObject({
      ok: false,
      failure: { type: "caller_bad_request", param: `x-gateway-${name}` },
    });
});

test("a metadata of the name __proto__ is a name like any other", () => {
  const controls = read("metadata", '{"__proto__":"x"}');
  expect(controls.ok && Object.getPrototypeOf(controls.value.metadata)).toBe(Object.prototype);
});
