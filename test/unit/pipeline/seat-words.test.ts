import { describe, expect, it } from "vitest";
import type { Config, Route, SeatsConfig } from "../../../src/core/config.ts";
import type { SeatReply } from "../../../src/core/ports.ts";
import type { Gateway } from "../../../src/stages/gateway.ts";
import { answers, ask, configOf, dawdles, hangs, refuses, waited } from "../../support/chain.ts";
import { NOW } from "../../support/pipeline.ts";

/** What a desk hears of the attempts that sat, and what its wait leaves of their deadlines. */

const RULES: SeatsConfig = {
  count: 2,
  queue: 10,
  maxWaitMs: 20_000,
  spill: { afterMs: 20_000 },
  lowerShare: 0.1,
  tellFromMs: 60_000,
  coldAfterMs: 60_000,
};

function seated(routes: string, more: Partial<Route> = {}): Config {
  const config = configOf(routes);
  const { a } = config.backends;
  const { chat } = config.routes;
  if (!a || !chat) throw new Error("not the config that was meant");
  return {
    ...config,
    backends: { ...config.backends, a: { ...a, seats: RULES } },
    routes: { chat: { ...chat, ...more } },
  };
}

/** Replies after `waitsMs`; `words` are what it hears of the seat. */
function desk(kind: SeatReply["kind"], waitsMs = 0, onGiven: () => void = () => undefined) {
  const words: string[] = [];
  const seat = { answered: () => words.push("answered"), release: (how: string) => words.push(how) };
  const seats: NonNullable<Gateway["seats"]> = {
    suspect: async () => undefined,
    take: () => ({
      outcome: waited(waitsMs).then((): SeatReply => {
        if (kind === "unavailable") return { kind, detail: "connect" };
        if (kind === "left") return { kind };
        return {
          kind: "seated",
          get seat() {
            onGiven();
            return seat;
          },
        };
      }),
      leave: () => undefined,
    }),
  };
  return { words, seats };
}

const ALONE = "\n  chat: {targets: [{backend: a, model: small}], fallbacks: [{backend: b, model: large}]}";

describe("the word that a desk hears of an attempt", () => {
  // planted: every timeout is the machine's; none is
  it("is no failure where a route's haste ended it", async () => {
    for (const [behaviour, delayBudgetMs, word] of [
      [dawdles, 60, "stopped"],
      [hangs, 60, "stopped"],
      [dawdles, 10_000, "failed"],
      [hangs, 10_000, "failed"],
      [refuses, 60, "failed"],
    ] as const) {
      const { words, seats } = desk("seated");
      const { event } = await ask(seated(ALONE, { delayBudgetMs }), { a: behaviour, b: answers("b") }, {}, { seats });
      expect([event.attempts[0]?.outcome, words]).toEqual(["failed", [word]]);
    }
  });
});

describe("what a wait for a seat has taken", () => {
  // planted: the deadlines of before the wait, one by one in each of the three
  it.each(["seated", "unavailable", "left"] as const)("is gone from the deadlines, if it was %s", async (kind) => {
    const config = seated(ALONE, { delayBudgetMs: 1_000, deadlines: { connectMs: 900, firstTokenMs: 900 } });
    const { seats } = desk(kind, 700);
    const { event, asked } = await ask(config, { a: hangs, b: answers("b") }, {}, { seats });
    const [first] = event.attempts;
    expect([asked[0], first?.outcome, first?.detail]).toEqual(["a", "failed", "headers"]);
    // 300 ms are left, where its own deadline would have been 900.
    expect(first?.durationMs).toBeLessThan(700);
  });
});

describe("a bug in an attempt", () => {
  const plain = seated(ALONE);

  // planted: no catch at all
  it("leaves a record, gives the seat back and stops the backend, before it is sent and behind that", async () => {
    const early = desk("seated");
    const broken = await ask(
      plain,
      {
        a: () => {
          throw new Error("a bug");
        },
      },
      {},
      { seats: early.seats },
    );
    expect([broken.status, broken.bugs.length, early.words, broken.stopped]).toEqual([500, 1, ["stopped"], ["a"]]);
    expect(broken.event.attempts).toMatchObject([
      { outcome: "failed", failure: "gateway_internal", backend: "a", costNanoUsd: 0 },
    ]);
    expect(broken.settlements[0]?.breakers).toEqual([]);
  });

  // planted: only what stands behind the first clock reading is caught
  it("gives the seat back that was just given", async () => {
    let armed = false;
    const given = desk("seated", 0, () => {
      armed = true;
    });
    const clock = {
      now: () => {
        if (!armed) return NOW;
        armed = false;
        throw new Error("a bug");
      },
    };
    const { status, asked, bugs } = await ask(plain, {}, {}, { seats: given.seats, clock });
    expect([status, asked, bugs.length, given.words]).toEqual([500, [], 1, ["stopped"]]);
  });
});
