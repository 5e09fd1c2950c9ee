import { describe, expect, it } from "vitest";
import { CLOSED_BREAKER } from "../../../src/core/breaker.ts";
import type { SharedState } from "../../../src/core/ports.ts";
import { type Answering, begin } from "../../support/pipeline.ts";

const NOW = Date.UTC(2026, 10, 21, 12);
const OPEN = { ...CLOSED_BREAKER, failures: 3, openUntil: NOW + 5_000, openMs: 5_000 };

const openai = { id: "c", model: "m", choices: [{ index: 0, message: { content: "Yes" }, finish_reason: "stop" }] };
const claude = {
  id: "m",
  type: "message",
  role: "assistant",
  model: "m",
  content: [{ type: "text", text: "Yes" }],
  stop_reason: "end_turn",
  usage: { input_tokens: 1, output_tokens: 1 },
};
const answering: Answering = ({ backend }) => Response.json(backend.name === "claude" ? claude : openai);

interface Outcome {
  readonly read: string | undefined;
  readonly written: string | undefined;
  readonly backend: string | undefined;
}

/** One request of a route with two targets of the same weight: the cache entries that it reads and writes, and who answered. */
async function ask(chance: number, shared: SharedState = { breakers: {} }, answers = answering): Promise<Outcome> {
  let read: string | undefined;
  let outcome: Outcome | undefined;
  const playing = begin({ caller: "openai-chat", backend: "openai-chat", alias: "weighted", stream: false }, answers, {
    chance: { random: () => chance, requestId: () => "req_PLAYED", hex: (bytes) => "0f".repeat(bytes) },
    admission: {
      admit: async (request) => {
        read = request.cacheKey;
        return { kind: "admitted", ioMs: 0, rate: {}, shared };
      },
      settle: async ({ cacheWrite, event }) => {
        outcome = { read, written: cacheWrite?.key, backend: event.backend };
        return { kind: "settled", ioMs: 0 };
      },
    },
  });
  await playing.reply;
  await playing.settled();
  if (!outcome) throw new Error("nothing was settled");
  return outcome;
}

describe("a route with several targets", () => {
  // planted: the arm is left out of the cache key
  it("keeps the answers of each under a key of its own, and reads none of another's", async () => {
    const [first, again, other] = [await ask(0.1), await ask(0.4), await ask(0.9)];
    expect(first).toEqual({ read: first.written, written: expect.any(String), backend: "openai" });
    expect(again).toEqual(first);
    expect(other).toEqual({ read: other.written, written: expect.any(String), backend: "claude" });
    expect(other.written).not.toBe(first.written);
  });

  // planted: every target's answer counts as the drawn one's
  it("keeps nothing where another than the drawn one answered", async () => {
    const unwell = await ask(0.1, { breakers: { "openai/played": OPEN } });
    expect([unwell.backend, unwell.written]).toEqual(["claude", undefined]);
    const failing: Answering = (call, signal) =>
      call.backend.name === "openai" ? Response.json({}, { status: 500 }) : answering(call, signal);
    const failed = await ask(0.1, { breakers: {} }, failing);
    expect([failed.backend, failed.written]).toEqual(["claude", undefined]);
  });
});
