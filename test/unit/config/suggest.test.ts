import { expect, test } from "vitest";
import { editDistance, suggest } from "../../../src/config/suggest.ts";

// planted: swaps counted as two
test.each([
  ["", "abc", 3],
  ["abc", "abc", 0],
  ["kitten", "sitting", 3],
  ["cluade", "claude", 1],
  ["abc", "", 3],
])("from %j to %j it takes %i edits", (one, other, edits) => {
  expect(editDistance(one, other)).toBe(edits);
  expect(editDistance(other, one)).toBe(edits);
});

// planted: the bound on the distance removed
test("the nearest name is suggested, and none where nothing is near", () => {
  expect(suggest("maxAttemps", ["maxAttempts", "maxInputTokens"])).toBe("maxAttempts");
  expect(suggest("MAXATTEMPTS", ["maxAttempts"])).toBe("maxAttempts");
  expect(suggest("temperature", ["targets", "fallbacks"])).toBeUndefined();
  expect(suggest("x", [])).toBeUndefined();
  expect(suggest("of", ["by"])).toBeUndefined();
});
