import { expect, test } from "vitest";
import { compileConfig } from "../../../src/config/compile.ts";

const file = (seats: string) => `
backends:
  home:
    formats: [openai-chat]
    baseUrl: {env: VLLM_BASE_URL}
    price: {inputPerMillion: 0, outputPerMillion: 0}
    seats: ${seats}
routes:
  home: {targets: [{backend: home, model: home}]}
tiers:
  free: {}
  premium: {vllmPriority: -10}
defaultTier: free
`;

function seatsOf(text: string) {
  const compiled = compileConfig(file(text), "seats.yaml");
  if (!compiled.ok) throw new Error(compiled.problems.map((problem) => problem.text).join("\n"));
  return compiled.config.backends.home?.seats;
}

function problemsOf(text: string): readonly string[] {
  const compiled = compileConfig(file(text), "seats.yaml");
  return compiled.ok ? [] : compiled.problems.map(({ path, reason }) => `${path}: ${reason}`);
}

test("only the number of seats has to be said", () => {
  expect(seatsOf("{count: 4}")).toEqual({
    count: 4,
    queue: 100,
    maxWaitMs: 30_000,
    spill: { afterMs: 30_000 },
    lowerShare: 0.1,
    tellFromMs: 2_000,
    coldAfterMs: 240_000,
  });
  expect(seatsOf("{count: 4, maxWaitMs: 9000, spill: {tiers: [premium]}}")?.spill).toEqual({
    afterMs: 9_000,
    tiers: ["premium"],
  });
  expect(seatsOf("{count: 4, queue: 0, spill: {afterMs: 0, tiers: []}}")).toMatchObject({
    queue: 0,
    spill: { afterMs: 0, tiers: [] },
  });
});

// planted: tiers of the spill not looked up; a spill behind the end of the wait accepted
test("what cannot be meant is named", () => {
  expect(problemsOf("{count: 0}")).toEqual(["backends.home.seats.count: must be larger than 0"]);
  expect(problemsOf("{queue: 4}")).toEqual(["backends.home.seats.count: is missing"]);
  expect(problemsOf("{count: 4, spill: {tiers: [premum]}}")).toEqual([
    'backends.home.seats.spill.tiers[0]: no tier is named "premum"; did you mean "premium"?',
  ]);
  expect(problemsOf("{count: 4, maxWaitMs: 1000, spill: {afterMs: 2000}}")).toEqual([
    "backends.home.seats.spill.afterMs: 2000 is more than maxWaitMs (1000)",
  ]);
  expect(problemsOf("{count: 4, lowerShare: 0.6}")).toEqual(["backends.home.seats.lowerShare: must be at most 0.5"]);
});
