import { expect, test } from "vitest";
import type { Trigger } from "../../../src/core/triggers.ts";
import type { PlannedAttempt } from "../../../src/stages/running-attempt.ts";
import { mayFollow } from "../../../src/stages/successors.ts";

const origin = { backend: "first", model: "m", chosenTarget: true, cached: false };
const step = (backend: string, on?: readonly Trigger[]) =>
  ({ backend: { name: backend }, model: "m", target: { ...(on && { on }) } }) as unknown as PlannedAttempt;

// planted: what befell the stream alone is asked about; the one that began it held to it too
test("an answer that stands in for a filtered one is continued by those who stand for that, and by itself", () => {
  const [plain, consented] = [step("second"), step("second", ["error", "filter"])];
  expect(mayFollow(plain, origin, "error", {})).toBe(true);
  expect(mayFollow(plain, origin, "error", { filtered: true })).toBe(false);
  expect(mayFollow(consented, origin, "error", { filtered: true })).toBe(true);
  expect(mayFollow(step("first", ["context"]), origin, "error", { filtered: true })).toBe(true);
});
