import { describe, expect, it } from "vitest";
import { type Clock, deadline, watchdog } from "../../../src/lib/deadline.ts";

/** Time that passes only when told to. */
class HandClock implements Clock {
  nowMs = 1_000_000;
  armed = 0;
  private timers: { atMs: number; callback: () => void }[] = [];
  now() {
    return this.nowMs;
  }
  after(delayMs: number, callback: () => void) {
    const timer = { atMs: this.nowMs + delayMs, callback };
    this.armed++;
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }
  pass(ms: number) {
    const until = this.nowMs + ms;
    for (;;) {
      const next = this.timers.filter((timer) => timer.atMs <= until).sort((a, b) => a.atMs - b.atMs)[0];
      if (!next) break;
      this.nowMs = next.atMs;
      this.timers = this.timers.filter((timer) => timer !== next);
      next.callback();
    }
    this.nowMs = until;
  }
  get pending() {
    return this.timers.length;
  }
}

describe("watchdog", () => {
  // planted: the timer armed anew for the whole time instead of for what is left
  it("rings once the silence has lasted, counted from the last touch", () => {
    const clock = new HandClock();
    let rang = 0;
    const dog = watchdog(clock, 1000, () => rang++);
    clock.pass(900);
    dog.touch();
    clock.pass(999);
    expect(rang).toBe(0);
    clock.pass(1);
    expect(rang).toBe(1);
    clock.pass(10_000);
    expect([rang, clock.pending]).toEqual([1, 0]);
  });

  // planted: a timer set in touch()
  it("sets a handful of timers for thousands of frames", () => {
    const clock = new HandClock();
    const dog = watchdog(clock, 1000, () => undefined);
    for (let frame = 0; frame < 5000; frame++) {
      clock.pass(1);
      dog.touch();
    }
    expect(clock.armed).toBeLessThan(10);
    dog.stop();
    expect(clock.pending).toBe(0);
  });

  it("is silent after stop, twice or not", () => {
    const clock = new HandClock();
    let rang = 0;
    const dog = watchdog(clock, 10, () => rang++);
    dog.stop();
    dog.stop();
    clock.pass(100);
    expect(rang).toBe(0);
  });
});

describe("deadline", () => {
  it("counts down, expires once and leaves no timer when stopped", () => {
    const clock = new HandClock();
    let rang = 0;
    const whole = deadline(clock, 500, () => rang++);
    clock.pass(200);
    expect([whole.remainingMs(), whole.expired()]).toEqual([300, false]);
    clock.pass(400);
    expect([whole.remainingMs(), whole.expired(), rang]).toEqual([0, true, 1]);
    const stopped = deadline(clock, 500, () => rang++);
    stopped.stop();
    clock.pass(1000);
    expect([rang, clock.pending]).toEqual([1, 0]);
  });
});
