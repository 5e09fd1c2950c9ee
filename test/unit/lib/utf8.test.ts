import fc from "fast-check";
import { expect, test } from "vitest";
import { utf8Length } from "../../../src/lib/utf8.ts";

const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.string({ unit: fc.constantFrom("a", "\x7f", "\x80", "\u07ff", "\u0800", "\uffff", "😀"), maxLength: 60 }),
);

// planted: two bytes from U+0400 on; a half of a pair counted as the encoder's U+FFFD
test("the UTF-8 length is the encoder's, and that of the pieces, were a pair cut in two", () => {
  fc.assert(
    fc.property(anyText, fc.nat(), (text, at) => {
      const length = new TextEncoder().encode(text).length;
      const cut = at % (text.length + 1);
      expect(utf8Length(text)).toBe(length);
      expect(utf8Length(text.slice(0, cut)) + utf8Length(text.slice(cut))).toBe(length);
    }),
    { numRuns: 2_000 },
  );
});
