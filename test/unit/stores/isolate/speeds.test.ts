import { expect, test } from "vitest";
import { speedometer } from "../../../../src/stores/isolate/speeds.ts";

// planted: the newest alone counts; nothing is ever forgotten
test("a speed moves with what is heard, and is forgotten when nothing is", () => {
  let now = 0;
  const speeds = speedometer({ now: () => now });
  expect(speeds.firstTokenMs("home", "m")).toBeUndefined();
  speeds.learn("home", "m", 100);
  speeds.learn("home", "m", 200);
  expect([speeds.firstTokenMs("home", "m"), speeds.firstTokenMs("home", "other")]).toEqual([120, undefined]);
  now = 5 * 60_000 - 1;
  expect(speeds.firstTokenMs("home", "m")).toBe(120);
  now++;
  expect(speeds.firstTokenMs("home", "m")).toBeUndefined();
  speeds.learn("home", "m", 50);
  expect(speeds.firstTokenMs("home", "m")).toBe(50);
});
