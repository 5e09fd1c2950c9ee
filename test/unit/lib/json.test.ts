import { existsSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseBody, patchBody } from "../../../src/lib/json.ts";

const encoder = new TextEncoder();
const parse = (text: string, maxDepth = 64) => parseBody(encoder.encode(text), { maxDepth });
const kindOf = (text: string) => {
  const parsed = parse(text);
  return parsed.ok ? "ok" : parsed.kind;
};
function bodyOf(text: string) {
  const parsed = parse(text);
  if (!parsed.ok) throw new Error(`${parsed.kind}: ${text}`);
  return parsed.body;
}

describe("parseBody", () => {
  // planted: `end` of a member left at the comma, so that the white space before it was part of the value
  it("finds the span of every top-level member, whatever space and escapes stand around it", () => {
    const text = '{ "a" : 1 ,\n\t"b":{"a":[1,{"x":"}"}]}, "c\\u0064" : "q\\\\\\"," }\n';
    const body = bodyOf(text);
    expect(body.members.map((m) => [m.key, text.slice(m.start, m.end), text.slice(m.valueStart, m.end)])).toEqual([
      ["a", '"a" : 1', "1"],
      ["b", '"b":{"a":[1,{"x":"}"}]}', '{"a":[1,{"x":"}"}]}'],
      ["cd", '"c\\u0064" : "q\\\\\\","', '"q\\\\\\","'],
    ]);
    expect(body.bytes).toBe(text.length);
  });

  it("agrees with JSON.parse on every object, members and spans included", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 5 })),
        fc.constantFrom(0, 1, "\t"),
        (object, indent) => {
          const text = JSON.stringify(object, null, indent);
          const body = bodyOf(text);
          expect(body.value).toEqual(JSON.parse(text));
          expect(body.members.map((m) => m.key)).toEqual(
            body.members.map((m) => JSON.parse(text.slice(m.start, m.start + JSON.stringify(m.key).length))),
          );
          expect(new Set(body.members.map((m) => m.key))).toEqual(new Set(Object.keys(object)));
          for (const m of body.members)
            expect(JSON.parse(text.slice(m.valueStart, m.end))).toEqual(JSON.parse(text)[m.key]);
        },
      ),
    );
  });

  // planted: the comparison of keys made on the raw text
  it("refuses a top-level key that stands twice, also where one is written with escapes", () => {
    expect(kindOf('{"model":1,"model":2}')).toBe("duplicate_key");
    expect(kindOf('{"model":1,"\\u006dodel":2}')).toBe("duplicate_key");
    expect(parse('{"model":1, "mode\\u006c":2}')).toMatchObject({ param: "model", at: 12 });
    expect(kindOf('{"a":{"b":1,"b":2},"b":1}')).toBe("ok");
  });

  // planted: `>=` for `>` in the depth test
  it("takes the allowed depth and not one level more", () => {
    expect(kindOf(`{"a":${"[".repeat(63)}${"]".repeat(63)}}`)).toBe("ok");
    expect(kindOf(`{"a":${"[".repeat(64)}${"]".repeat(64)}}`)).toBe("too_deep");
    expect(kindOf('{"a":"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}')).toBe("ok");
  });

  it("refuses a hundred thousand levels, closed or not, without a recursive call", () => {
    for (const text of [
      `{"a":${"[".repeat(100_000)}`,
      '{"a":'.repeat(100_000),
      `${"[".repeat(100_000)}${"]".repeat(100_000)}`,
    ]) {
      expect(kindOf(text)).toBe("too_deep");
    }
  });

  // planted: only top-level members counted
  it("refuses more than a hundred thousand containers and members together, before the parser makes objects of them", () => {
    const empty = (count: number) => `{"messages":[${"{},".repeat(count - 1)}{}]}`;
    expect(kindOf(empty(99_997))).toBe("ok");
    expect(kindOf(empty(99_998))).toBe("too_many_values");
    const fields = (count: number) => `{"a":{${Array.from({ length: count }, (_, i) => `"${i}":0`).join()}}}`;
    expect(kindOf(fields(99_997))).toBe("ok");
    expect(kindOf(fields(99_998))).toBe("too_many_values");
    // Text may hold any number of them, and token ids are numbers in one array.
    expect(kindOf(`{"a":"${"{:".repeat(200_000)}","input":[${"1,".repeat(200_000)}1]}`)).toBe("ok");
  });

  // planted: a TextDecoder without `fatal`
  it("refuses bytes that are not UTF-8 and a byte order mark", () => {
    for (const bytes of [
      [0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d],
      [0x7b, 0xc0, 0x80, 0x7d],
      [0x7b, 0xed, 0xa0, 0x80, 0x7d],
    ]) {
      expect(parseBody(new Uint8Array(bytes), { maxDepth: 64 })).toMatchObject({ ok: false, kind: "invalid_utf8" });
    }
    expect(kindOf("\ufeff{}")).toBe("byte_order_mark");
  });

  it("keeps __proto__ and constructor as plain data", () => {
    const body = bodyOf('{"__proto__":{"polluted":true},"constructor":1}');
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(Object.keys(body.value)).toEqual(["__proto__", "constructor"]);
  });

  it("quotes nothing of the body in what it says", () => {
    for (const text of ['{"secret-value": nope}', '{"a":"secret-value', "secret-value"]) {
      expect(JSON.stringify(parse(text))).not.toContain("secret-value");
    }
  });

  it("takes long runs of backslashes and quotes in linear time", () => {
    const text = `{"a":"${'\\\\\\"'.repeat(200_000)}","b":1}`;
    expect(bodyOf(text).members.map((m) => m.key)).toEqual(["a", "b"]);
  });

  const suite = new URL("../../../../shared/data/json-parsing.json", import.meta.url);
  it.runIf(existsSync(suite))("passes the public suite of JSON parsers: n_ refused, y_ and i_ never thrown at", () => {
    const cases = JSON.parse(readFileSync(suite, "utf8")) as { name: string; base64: string }[];
    expect(cases.length).toBeGreaterThan(300);
    for (const { name, base64 } of cases) {
      const bytes = Buffer.from(base64, "base64");
      const parsed = parseBody(bytes, { maxDepth: 64 });
      const wrapped = parseBody(Buffer.concat([Buffer.from('{"v":'), bytes, Buffer.from("}")]), { maxDepth: 64 });
      if (name.startsWith("n_")) expect(parsed.ok, name).toBe(false);
      // n_ files that are two halves of a text can be whole inside another one; all others stay refused.
      if (name.startsWith("n_") && wrapped.ok) expect(JSON.parse(wrapped.body.text), name).toBeDefined();
      if (name.startsWith("y_")) expect(wrapped.ok || wrapped.kind === "too_deep", name).toBe(true);
      if (name.startsWith("y_") && !parsed.ok) expect(["not_an_object", "duplicate_key"], name).toContain(parsed.kind);
    }
  });
});

describe("patchBody", () => {
  it("replaces, removes and appends members and leaves the other bytes alone", () => {
    const text = '{ "model" : "a" , "seed": 12345678901234567890, "x":1.0e0 }';
    const body = bodyOf(text);
    expect(patchBody(body, [])).toBe(text);
    expect(patchBody(body, [{ key: "model", json: '"b"' }])).toBe(
      '{ "model" : "b" , "seed": 12345678901234567890, "x":1.0e0 }',
    );
    expect(patchBody(body, [{ key: "model", json: undefined }])).toBe('{ "seed": 12345678901234567890, "x":1.0e0 }');
    expect(patchBody(body, [{ key: "x", json: undefined }])).toBe('{ "model" : "a" , "seed": 12345678901234567890 }');
    expect(patchBody(body, [{ key: "stream", json: "true" }])).toBe(
      '{ "model" : "a" , "seed": 12345678901234567890, "x":1.0e0,"stream":true }',
    );
    expect(patchBody(body, [{ key: "nothing", json: undefined }])).toBe(text);
  });

  // planted: the comma kept where the first two members are removed
  it("says what an object edit says, for any mix of edits on any object", () => {
    const json = fc.jsonValue({ maxDepth: 3 });
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom("a", "b", "c", "d", 'é"\\', "f"), json),
        fc.dictionary(fc.constantFrom("a", "b", "c", "d", 'é"\\', "new", "also"), fc.option(json, { nil: undefined })),
        fc.constantFrom(0, 2),
        (object, edits, indent) => {
          const body = bodyOf(JSON.stringify(object, null, indent));
          const patches = Object.entries(edits).map(([key, value]) => ({
            key,
            json: value === undefined ? undefined : JSON.stringify(value),
          }));
          const expected: Record<string, unknown> = JSON.parse(body.text);
          for (const [key, value] of Object.entries(edits)) {
            if (value === undefined) delete expected[key];
            else expected[key] = JSON.parse(JSON.stringify(value));
          }
          const patched = patchBody(body, patches);
          expect(JSON.parse(patched)).toEqual(expected);
          expect(kindOf(patched)).toBe("ok");
        },
      ),
      { numRuns: 500 },
    );
  });
});
