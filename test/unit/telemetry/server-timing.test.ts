import { expect, test } from "vitest";
import { serverTiming, timingOf } from "../../../src/telemetry/server-timing.ts";

// planted: the times of a step that did I/O twice not summed
test("Server-Timing: an entry a step that did I/O, and the total", () => {
  const decisions = [
    { step: "resolve", decision: "route" },
    { step: "admit", decision: "stale-key", ioMs: 2 },
    { step: "admit", decision: "admitted", ioMs: 3.26 },
    { step: "dispatch", decision: "answered", ioMs: 120 },
  ];
  expect(serverTiming(timingOf(decisions, 131))).toBe("admit;dur=5.3, dispatch;dur=120, total;dur=131");
  expect(serverTiming([{ name: "a b;c", durationMs: 1 }])).toBe("a-b-c;dur=1");
});
