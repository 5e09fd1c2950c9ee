import { describe, expect, it } from "vitest";
import type { Config, SeatsConfig } from "../../../src/core/config.ts";
import type { SeatReply } from "../../../src/core/ports.ts";
import type { Gateway } from "../../../src/stages/gateway.ts";
import { answers, ask, type Behaviour, configOf, dawdles, filters, hangs, says, waited } from "../../support/chain.ts";
import { begin } from "../../support/pipeline.ts";

/** How a race of two ends where neither simply wins: filters, seats, bugs and clients that leave. */

const route = (second = "", more = "") => `
  chat:
    targets: [{backend: a, model: small}]
    fallbacks: [{backend: b, model: large${second}}]
    delayBudgetMs: 2000
    hedge: {afterMs: 40}
${more}`;
const config = configOf(route());
const ALL = ", on: [connect, first-token, overloaded, error, filter]";

const later =
  (ms: number, behaviour: Behaviour): Behaviour =>
  async (signal, call) => {
    await waited(ms, signal);
    return behaviour(signal, call);
  };

describe.each([true, false])("a filter's word in a race, streamed: %s", (stream) => {
  // planted: a filter's finish wins as any first token does
  it("leaves the other running, if it may answer what a filter stopped", async () => {
    const slow = later(90, filters);
    const led = await ask(configOf(route(ALL)), { a: slow, b: answers("b", 150) }, { stream });
    expect([led.status, led.asked, led.body.includes('"b"'), led.bugs]).toEqual([200, ["a", "b"], true, []]);
    expect(led.steps).toEqual(["hedge b:first-token", "filtered a", "answered b"]);
    const hedged = await ask(config, { a: answers("a", 150), b: filters }, { stream });
    expect([hedged.body.includes('"a"'), hedged.steps]).toEqual([
      true,
      ["hedge b:first-token", "filtered b", "answered a"],
    ]);
    const neither = await ask(configOf(route(ALL)), { a: slow, b: later(90, says(503, {})) }, { stream });
    expect([neither.status, neither.body.includes("content_filter"), neither.steps.at(-1)]).toEqual([
      200,
      true,
      "answered a",
    ]);
  });

  // planted: whoever was asked because the first was slow answers what its filter stopped
  it.each([
    ["an answer", filters, 200],
    ["a refusal", says(400, { message: "filtered", code: "content_filter" }), 400],
  ])("ends the race where the first's stopped %s and the other may not", async (_, filtered, status) => {
    const played = await ask(config, { a: later(90, filtered), b: answers("b", 150) }, { stream });
    expect([played.status, played.body.includes("content_filter"), played.stopped.includes("b")]).toEqual([
      status,
      true,
      true,
    ]);
  });

  // planted: where both end the chain goes on by the first's failure
  it.each([
    ["an answer", filters, 200],
    ["a refusal", says(400, { message: "filtered", code: "content_filter" }), 400],
  ])(
    "that stopped the hedge's %s leads to no step that may not answer it, whatever becomes of the first",
    async (_, filtered, status) => {
      const behind = (on: string) =>
        configOf(route().replace("{backend: b, model: large}", `$&, {backend: c, model: large${on}}`));
      const world = { a: later(90, says(503, {})), b: filtered, c: answers("c") };
      const ended = await ask(behind(""), world, { stream });
      expect([ended.asked, ended.status, ended.body.includes("content_filter")]).toEqual([["a", "b"], status, true]);
      const led = await ask(behind(", on: [filter]"), world, { stream });
      expect([led.asked, led.status, led.body.includes('"c"')]).toEqual([["a", "b", "c"], 200, true]);
    },
  );
});

const RULES: SeatsConfig = {
  count: 1,
  queue: 10,
  maxWaitMs: 20_000,
  spill: { afterMs: 5_000, tiers: [] },
  lowerShare: 0.1,
  tellFromMs: 2_000,
  coldAfterMs: 60_000,
};

/** `config` with seats at one backend, each given after `waitMs`, and what became of them. */
function seatsAt(
  name: string,
  from: Config,
  waitMs: number,
): { config: Config; words: string[]; more: Partial<Gateway> } {
  const backend = from.backends[name];
  if (!backend) throw new Error(`no backend ${name}`);
  const words: string[] = [];
  const seat = { answered: () => words.push("answered"), release: (how: string) => words.push(how) };
  return {
    config: { ...from, backends: { ...from.backends, [name]: { ...backend, seats: RULES } } },
    words,
    more: {
      seats: {
        suspect: () => undefined,
        take: () => {
          let left: (reply: SeatReply) => void = () => undefined;
          const outcome = new Promise<SeatReply>((resolve) => {
            left = resolve;
            setTimeout(() => resolve({ kind: "seated", seat }), waitMs);
          });
          return { outcome, leave: () => left({ kind: "left" }) };
        },
      },
    },
  };
}

describe("a first that waits for its seat", () => {
  // planted: the hedge's clock runs while the first waits
  it("is not slow: its tier's own word on spilling counts", async () => {
    const waits = seatsAt("a", config, 120);
    const played = await ask(waits.config, { a: answers("a", 5) }, {}, waits.more);
    expect([played.status, played.asked, played.body.includes('"a"')]).toEqual([200, ["a"], true]);
  });

  it("is hedged once it has its seat and is silent then", async () => {
    const waits = seatsAt("a", config, 60);
    const played = await ask(waits.config, { a: dawdles, b: answers("b") }, {}, waits.more);
    expect([played.asked, played.body.includes('"b"'), waits.words]).toEqual([["a", "b"], true, ["stopped"]]);
  });
});

describe("a hedge that was not sent yet", () => {
  // planted: booked although the backend never heard of it; the seat that it was given is kept
  it("costs nothing and keeps no seat where the first wins meanwhile", async () => {
    const before = configOf(route());
    const { b } = before.backends;
    if (!b) throw new Error("no backend b");
    const quirky: Config = { ...before, backends: { ...before.backends, b: { ...b, quirks: ["vllm"] } } };
    let salted: (salt: string) => void = () => undefined;
    const salting = new Promise<string>((resolve) => {
      salted = resolve;
    });
    const first = later(90, answers("a"));
    const a: Behaviour = async (signal, call) => {
      setTimeout(() => salted("salt"), 130);
      return first(signal, call);
    };
    const world = { a, b: answers("b") };
    const played = await ask(quirky, world, { stream: false }, { cacheSalt: () => salting });
    expect([played.asked, played.attempts, played.bugs]).toEqual([["a"], ["a attempt completed"], []]);

    // Seated in the very moment in which the first wins.
    const seated = seatsAt("b", config, 0);
    const words: string[] = [];
    const seat = { answered: () => words.push("answered"), release: (how: string) => words.push(how) };
    let give: (reply: SeatReply) => void = () => undefined;
    const just = await ask(
      seated.config,
      { a: later(90, answers("a")), b: answers("b") },
      { stream: false },
      {
        seats: {
          suspect: () => undefined,
          take: () => ({
            outcome: new Promise<SeatReply>((resolve) => {
              give = resolve;
            }),
            leave: () => give({ kind: "seated", seat }),
          }),
        },
      },
    );
    expect([just.asked, just.attempts, words]).toEqual([["a"], ["a attempt completed"], ["stopped"]]);
  });
});

describe("a bug in one of two attempts", () => {
  // planted: the other is left running; only the other is stopped
  it.each(["a", "b"])("in %s ends both, and each has its record", async (broken) => {
    const bug: Behaviour = async (signal) => {
      await waited(80, signal);
      throw new Error("a bug");
    };
    const other = broken === "a" ? "b" : "a";
    const world = { [broken]: bug, [other]: hangs };
    const played = await ask(config, world);
    expect([played.event.outcome, played.bugs.length, played.stopped.includes(other)]).toEqual(["failed", 1, true]);
    const ends = { [broken]: "failed", [other]: "cancelled" };
    expect([...played.attempts].sort()).toEqual([`a attempt ${ends.a}`, `b hedge ${ends.b}`]);
    expect(played.tookMs).toBeLessThan(140);
  });
});

const late: Behaviour = async (signal, call) => {
  const ended = await hangs(signal, call);
  await waited(30);
  return ended;
};

describe("a client that leaves before the first token", () => {
  // planted: the second of two is booked as a loser
  it("costs the same however many were asked for it: what neither said is not charged", async () => {
    for (const hedged of [true, false]) {
      const hedge = hedged ? "" : "    maxAttempts: 1";
      const chosen = configOf(route("", hedge));
      const playing = begin(
        { caller: "openai-chat", backend: "openai-chat", alias: "chat", stream: true },
        () => Response.error(),
        {
          config: () => chosen,
          availableBackends: new Set(["a", "b"]),
          // As connections do: one notices later than the other.
          transport: { send: ({ backend }, signal) => (backend.name === "a" ? dawdles(signal, 1) : late(signal, 1)) },
        },
      );
      await waited(100);
      playing.leave();
      await playing.reply;
      await playing.settled();
      const attempts = playing.settlements[0]?.event.attempts ?? [];
      expect(attempts.map(({ outcome, costNanoUsd, usage }) => [outcome, costNanoUsd, usage])).toEqual(
        Array(hedged ? 2 : 1).fill(["cancelled", 0, undefined]),
      );
    }
  });
});
