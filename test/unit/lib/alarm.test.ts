import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { alarmClock, inTime } from "../../../src/lib/alarm.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Rings `delayMs` from now, and notes when. */
function noting(alarm: ReturnType<typeof alarmClock>, rung: number[]) {
  const startedAt = Date.now();
  return (delayMs: number) => alarm.after(delayMs, () => rung.push(Date.now() - startedAt));
}

describe("an alarm", () => {
  // planted: the timer not set again behind its first ring; a nearer deadline that does not move it
  it("tells each deadline once, when it has passed, in whatever order they were set", () => {
    const rung: number[] = [];
    const set = noting(alarmClock(), rung);
    for (const delayMs of [5_000, 150, 100, 99, 20, 150]) set(delayMs);
    vi.advanceTimersByTime(10_000);
    expect(rung).toEqual([20, 99, 100, 150, 150, 5_000]);
    vi.advanceTimersByTime(10_000);
    expect(rung.length).toBe(6);
  });

  // planted: a deadline that is taken back and rings all the same
  it("says nothing of a deadline that was taken back, however late", () => {
    const rung: number[] = [];
    const set = noting(alarmClock(), rung);
    const takeBack = set(50);
    const rings = set(60);
    takeBack();
    vi.advanceTimersByTime(1_000);
    expect(rung).toEqual([60]);
    rings();
    takeBack();
    vi.advanceTimersByTime(1_000);
    expect(rung).toEqual([60]);
  });

  // planted: a timer for each deadline
  it("keeps one timer of the runtime at a time, and none when nothing is left to wait for", () => {
    const rung: number[] = [];
    const set = noting(alarmClock(), rung);
    const takeBack = [30_000, 200, 150, 2_000].map(set);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(100);
    expect(vi.getTimerCount()).toBe(1);
    for (const forget of takeBack) forget();
    vi.advanceTimersByTime(60_000);
    expect([vi.getTimerCount(), rung.length]).toEqual([0, 0]);
  });

  // planted: the deadlines behind one that throws are forgotten
  it("tells the deadlines that pass beside one whose listener throws", () => {
    const alarm = alarmClock();
    const rung: string[] = [];
    alarm.after(50, () => {
      throw new Error("a bug");
    });
    alarm.after(50, () => rung.push("beside"));
    alarm.after(5_000, () => rung.push("behind"));
    expect(() => vi.advanceTimersByTime(60)).toThrow("a bug");
    vi.advanceTimersByTime(10_000);
    expect(rung).toEqual(["beside", "behind"]);
  });

  // planted: entries that were taken back kept for ever
  it("tells a deadline that is set while another rings", () => {
    const alarm = alarmClock();
    const rung: string[] = [];
    alarm.after(10, () => {
      rung.push("first");
      alarm.after(10, () => rung.push("second"));
    });
    for (let index = 0; index < 100; index++) alarm.after(5_000, () => rung.push("never"))();
    vi.advanceTimersByTime(1_000);
    expect(rung).toEqual(["first", "second"]);
  });
});

describe("work in time", () => {
  // planted: a rejection past the deadline that nobody handles
  it("gives its value, its error, or undefined once the time is over", async () => {
    const alarm = alarmClock();
    expect(await inTime(Promise.resolve("done"), 100, alarm)).toBe("done");
    await expect(inTime(Promise.reject(new Error("broken")), 100, alarm)).rejects.toThrow("broken");
    let reject: (error: Error) => void = () => undefined;
    const late = inTime(
      new Promise((_, refuse) => {
        reject = refuse;
      }),
      100,
      alarm,
    );
    vi.advanceTimersByTime(100);
    expect(await late).toBeUndefined();
    reject(new Error("nobody listens"));
    await Promise.resolve();
  });
});
