import { describe, expect, it } from "vitest";
import type { Policy } from "../../../src/core/policy.ts";
import { play } from "../../support/pipeline.ts";

const bug = new Error("a policy's own");
const broken = (whenBroken: Policy["whenBroken"]): Policy => ({
  name: "broken",
  whenBroken,
  onRequest: () => {
    throw bug;
  },
});
const answers = () => Response.json({ error: { message: "played" } }, { status: 400 });

describe("a policy that throws", () => {
  // planted: the exception caught without a word
  it.each([
    ["refuse", 0],
    ["allow", 1],
  ] as const)("does what it says it does (%s), and its exception is reported", async (whenBroken, calls) => {
    const played = await play({ caller: "openai-chat", backend: "openai-chat", stream: false }, answers, {
      policies: [broken(whenBroken)],
    });
    expect(played.bugs).toEqual([bug]);
    expect(played.calls).toHaveLength(calls);
  });
});
