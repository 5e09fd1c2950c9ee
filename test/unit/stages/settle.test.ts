import { describe, expect, it } from "vitest";
import type { Settlement, SettleReply } from "../../../src/core/ports.ts";
import { play } from "../../support/pipeline.ts";

const away: SettleReply = { kind: "unavailable", detail: "timeout", ioMs: 150 };
const settled: SettleReply = { kind: "settled", ioMs: 1 };

/** A request whose backend fails, settled by a Redis that gives these answers in turn. */
async function settledBy(...replies: readonly SettleReply[]): Promise<readonly Settlement[]> {
  const heard: Settlement[] = [];
  const fails = () => new Response("{}", { status: 500, headers: { "content-type": "application/json" } });
  await play({ caller: "openai-chat", backend: "openai-chat", stream: false }, fails, {
    admission: {
      admit: async () => ({ kind: "admitted", ioMs: 0, rate: {}, shared: { breakers: {} } }),
      settle: async (settlement) => {
        heard.push(settlement);
        return replies[heard.length - 1] ?? settled;
      },
    },
  }).catch((error: unknown) => expect(String(error)).toContain("nothing was settled"));
  return heard;
}

describe("the settlement's call to Redis", () => {
  it("is one where Redis answers", async () => {
    expect(await settledBy(settled)).toHaveLength(1);
  });

  // planted: an unanswered settlement was left to the sweep at once; the breaker heard of the failure twice
  it("is made once more where Redis did not answer, without the reports that would count twice", async () => {
    const [first, second, ...more] = await settledBy(away);
    expect(first?.breakers.map(({ backend, healthy }) => [backend, healthy])).toEqual([["openai", false]]);
    expect(second).toEqual({ ...first, breakers: [] });
    expect(more).toEqual([]);
  });

  it("is given up after the second", async () => {
    expect(await settledBy(away, away)).toHaveLength(2);
  });
});
