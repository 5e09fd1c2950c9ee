import { expect, test } from "vitest";
import { seldom } from "../../../src/lib/seldom.ts";

// planted: always let through; one name's moment holds for all; counted from the last that was held back
test("each name is let through once in so long", () => {
  let now = 0;
  const isLetThrough = seldom(1_000, () => now);
  const seen = ["home", "home", "away"].map(isLetThrough);
  now = 999;
  seen.push(isLetThrough("home"));
  now = 1_000;
  seen.push(isLetThrough("home"), isLetThrough("home"));
  expect(seen).toEqual([true, false, true, false, true, false]);
});
