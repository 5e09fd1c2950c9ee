import fc from "fast-check";
import { expect, test } from "vitest";
import { shapesOf } from "../../../src/core/shapes.ts";

const ascii = fc.oneof(
  fc.string({ unit: "binary-ascii", maxLength: 80 }),
  fc.string({ unit: fc.constantFrom("a", "b", "y", "A", "B", "7", "-", " ", "\n"), maxLength: 80 }),
);
const matches = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([found]) => found);
const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0);

// planted: clusters from two consonants on; the capital not a letter of its word; no joint before a word
test("words, capitals, digits and joints are what patterns find, for any ASCII text", () => {
  fc.assert(
    fc.property(ascii, (text) => {
      const { words, capitals, digits, joints } = shapesOf(text);
      const lengths = matches(text, /[A-Z]?[a-z]+/g).map((word) => word.length);
      expect(words).toBe(
        4 * matches(text, /(?<![A-Za-z])[a-z]+/g).length +
          sum(lengths.map((letters) => Math.max(0, letters - 4) + Math.max(0, letters - 8))) +
          sum(matches(text, /[b-df-hj-np-tv-xz]{3,}/g).map((cluster) => 2 * (cluster.length - 2))),
      );
      expect(capitals).toBe(sum(matches(text, /[A-Z]+/g).map((run) => 4 + 3 * (run.length - 1))));
      expect(digits).toBe(matches(text, /[0-9]/g).length);
      expect(joints).toBe(matches(text, /(?<=[a-z0-9])[A-Z]|(?<=[0-9])[a-z]|(?<=[A-Za-z])[0-9]/g).length);
    }),
    { numRuns: 2_000 },
  );
});
