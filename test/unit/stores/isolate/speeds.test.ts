import { expect, test } from "vitest";
import { speedometer } from "../../../../src/stores/isolate/speeds.ts";

/** A day in which clocks are: at 0 nothing was heard yet. */
const START = 86_400_000;

// planted: the newest alone counts; nothing is ever forgotten
test("a speed moves with what is heard, and is forgotten when nothing is", () => {
  let now = START;
  const speeds = speedometer({ now: () => now });
  expect(speeds.firstTokenMs("home/m")).toBeUndefined();
  speeds.learn("home/m", 100, false);
  speeds.learn("home/m", 200, false);
  expect([speeds.firstTokenMs("home/m"), speeds.firstTokenMs("home/other")]).toEqual([120, undefined]);
  now += 5 * 60_000 - 1;
  expect(speeds.firstTokenMs("home/m")).toBe(120);
  now++;
  expect(speeds.firstTokenMs("home/m")).toBeUndefined();
  speeds.learn("home/m", 50, false);
  expect(speeds.firstTokenMs("home/m")).toBe(50);
});

// planted: told each time; not told of the first after it was forgotten; told by who may not
test("is told at first, then once in five seconds, and by those alone who may", () => {
  let now = START;
  const speeds = speedometer({ now: () => now });
  expect(speeds.learn("home/m", 100, false)).toBeUndefined();
  expect(speeds.learn("home/m", 100, true)).toEqual({ firstTokenMs: 100, at: now });
  now += 4_999;
  expect(speeds.learn("home/m", 200, true)).toBeUndefined();
  expect(speeds.learn("home/n", 300, true)).toEqual({ firstTokenMs: 300, at: now });
  now++;
  expect(speeds.learn("home/m", 120, true)).toEqual({ firstTokenMs: 120, at: now });
});

// planted: Redis' word never replaces ours; an old one does; what is forgotten is heard
test("is what another said where that is newer than what we last heard or told", () => {
  const now = START;
  const speeds = speedometer({ now: () => now });
  speeds.hear({ speeds: { "home/m": { firstTokenMs: 900, at: now - 1_000 } } });
  expect(speeds.firstTokenMs("home/m")).toBe(900);
  expect(speeds.learn("home/m", 400, true)).toEqual({ firstTokenMs: 800, at: now });
  speeds.hear({ speeds: { "home/m": { firstTokenMs: 900, at: now - 1_000 } } });
  expect(speeds.firstTokenMs("home/m")).toBe(800);
  speeds.hear({ speeds: { "home/m": { firstTokenMs: 100, at: now + 1 } } });
  expect(speeds.firstTokenMs("home/m")).toBe(100);
  speeds.hear({ speeds: { "home/n": { firstTokenMs: 1, at: now - 5 * 60_000 } } });
  speeds.hear({});
  expect([speeds.firstTokenMs("home/n"), speeds.firstTokenMs("home/m")]).toEqual([undefined, 100]);
});
