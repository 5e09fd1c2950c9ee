import { expect, test } from "vitest";
import { parseSpeed, speedText } from "../../../src/core/speed.ts";

// planted: fractions written as they are; what cannot be read counts as zero
test("a speed is read as it was written, and nothing else is", () => {
  expect(parseSpeed(speedText({ firstTokenMs: 123.6, at: 1_795_000_000_000 }))).toEqual({
    firstTokenMs: 124,
    at: 1_795_000_000_000,
  });
  for (const value of [null, undefined, 7, "", "1", "1 2 3", "-1 2", "1.5 2", "NaN 2", " 1 2", "1 2\n"])
    expect(parseSpeed(value)).toBeUndefined();
});
