import { describe, expect, it } from "vitest";
import type { BreakerConfig } from "../../../src/core/config.ts";
import { ok } from "../../../src/core/result.ts";
import { BreakerView } from "../../../src/routing/breaker-view.ts";
import {
  answers,
  ask,
  configOf,
  dawdles,
  errorFrame,
  filters,
  hangs,
  refuses,
  says,
  waited,
} from "../../support/chain.ts";
import { begin, NOW } from "../../support/pipeline.ts";

const route = (more = "") => `
  chat:
    targets: [{backend: a, model: small}]
    fallbacks: [{backend: b, model: large}, {backend: c, model: large}]
    delayBudgetMs: 2000
    hedge: {afterMs: 40}
${more}`;
const config = configOf(route());
/** Of a breaker that opens with the first failure. */
const TOUCHY: BreakerConfig = {
  failures: 1,
  errorRate: { share: 1, windowMs: 60_000, minimum: 100 },
  probes: 1,
  openMs: 60_000,
  maxOpenMs: 60_000,
};
const FAILED = { healthy: false, beganAt: NOW, requestId: "another" };

describe.each([true, false])("a hedge, streamed: %s", (stream) => {
  // planted: the loser not stopped; booked at the end of its connection; without its kind
  it("asks the next step beside a slow first, and the first real token wins", async () => {
    const played = await ask(config, { a: dawdles, b: answers("b") }, { stream });
    expect([played.status, played.asked, played.body.includes('"b"'), played.bugs]).toEqual([
      200,
      ["a", "b"],
      true,
      [],
    ]);
    expect(played.attempts).toEqual(["a attempt cancelled", "b hedge completed"]);
    expect(played.stopped).toContain("a");
    expect(played.steps).toEqual(["hedge b:first-token", "hedge-lost a", "answered b"]);
    expect([played.event.backend, played.event.outcome]).toEqual(["b", "completed"]);
  });

  // planted: the hedge wins because it was asked last
  it("is stopped where the first is the first after all", async () => {
    const played = await ask(config, { a: answers("a", 90), b: dawdles }, { stream });
    expect([played.asked, played.body.includes('"a"'), played.stopped.includes("b")]).toEqual([["a", "b"], true, true]);
    expect(played.attempts).toEqual(["b hedge cancelled", "a attempt completed"]);
    expect(played.event.backend).toBe("a");
  });

  // planted: the first that ends, however, wins
  it.each([
    ["an error frame", errorFrame],
    ["a refusal", says(500, {})],
    ["no connection", refuses],
    ["a refusal of the request", says(400, { message: "no such parameter" })],
  ])("that is answered with %s at once does not win", async (_, fault) => {
    const played = await ask(config, { a: answers("a", 90), b: fault }, { stream });
    expect([played.status, played.body.includes('"a"'), played.asked]).toEqual([200, true, ["a", "b"]]);
    expect(played.attempts).toEqual(["b hedge failed", "a attempt completed"]);
  });

  it("is not asked for where the first is quick, or fails before: then the chain goes on", async () => {
    expect((await ask(config, { a: answers("a") }, { stream })).asked).toEqual(["a"]);
    const failed = await ask(config, { a: errorFrame, b: answers("b") }, { stream });
    expect(failed.attempts).toEqual(["a attempt failed", "b attempt completed"]);
  });
});

describe("a hedge", () => {
  // planted: the walk goes on behind the first; a second hedge
  it("is one of two at most, and where both fail the chain goes on behind them", async () => {
    let running = 0;
    let most = 0;
    const counted =
      (behaviour: typeof hangs): typeof hangs =>
      async (signal, call) => {
        most = Math.max(most, ++running);
        signal.addEventListener("abort", () => running--);
        return behaviour(signal, call);
      };
    const world = { a: counted(dawdles), b: counted(dawdles), c: counted(answers("c", 90)) };
    const longer = configOf(
      route("    maxAttempts: 5").replace("{backend: c, model: large}", "$&, {backend: d, model: large}"),
    );
    const played = await ask(longer, world);
    expect([played.asked, played.attempts, most]).toEqual([
      ["a", "b", "c"],
      ["a attempt failed", "b hedge failed", "c attempt completed"],
      2,
    ]);
  });

  // planted: the last attempt that did not fail is taken for the one that answered
  it("that won and then broke off is the backend that the event names", async () => {
    const breaksOff: typeof hangs = async (signal) => {
      const answered = await answers("b")(signal, 1);
      const text = answered.ok ? await answered.value.text() : "";
      const begun = text.slice(0, text.indexOf("data:", text.indexOf('"b"')));
      return ok(new Response(begun, { headers: { "content-type": "text/event-stream" } }));
    };
    const played = await ask(config, { a: dawdles, b: breaksOff });
    expect([played.event.outcome, played.event.backend, played.event.failure]).toEqual(["failed", "b", "backend_cut"]);
  });

  // planted: the reservation of one answer
  it("is reserved for, and what both cost is within it", async () => {
    const played = await ask(config, { a: dawdles, b: answers("b") });
    const plain = await ask(configOf(route().replace("    hedge: {afterMs: 40}\n", "")), { a: answers("a") });
    expect(played.event.reservedNanoUsd).toBe(2 * plain.event.reservedNanoUsd);
    const [lost, won] = played.event.attempts;
    expect([lost?.usage?.outputTokens, lost?.estimated]).toEqual([0, true]);
    expect(lost?.costNanoUsd).toBeGreaterThan(0);
    expect(played.event.costNanoUsd).toBe((lost?.costNanoUsd ?? 0) + (won?.costNanoUsd ?? 0));
    expect(played.event.costNanoUsd).toBeLessThanOrEqual(played.event.reservedNanoUsd);
    expect((await ask(config, { a: answers("a") }, { noFallback: true })).event.reservedNanoUsd).toBe(
      plain.event.reservedNanoUsd,
    );
  });

  // planted: the loser counts as failed; as well
  it("counts towards no breaker where it is cancelled", async () => {
    const breakers = new BreakerView(
      () => TOUCHY,
      () => NOW,
    );
    const won = await ask(config, { a: dawdles, b: answers("b") }, {}, { breakers });
    const lost = await ask(config, { a: answers("a", 90), b: hangs }, {}, { breakers });
    expect([...won.settlements, ...lost.settlements].flatMap((settlement) => settlement.breakers)).toEqual([]);
    expect([breakers.state("a/small")?.openUntil ?? 0, breakers.state("b/large")?.openUntil ?? 0]).toEqual([0, 0]);
  });

  // planted: the breaker not looked at; that of the backend and not of its model; operators' word not asked for
  it("is never asked of a backend whose breaker is not closed, nor of one that the slow first does not lead to", async () => {
    const breakers = new BreakerView(
      () => TOUCHY,
      () => NOW,
    );
    breakers.report("b/large", FAILED, false);
    const played = await ask(config, { a: dawdles, c: answers("c") }, {}, { breakers });
    expect(played.asked).toEqual(["a", "c"]);
    const opening = await ask(
      config,
      {
        a: (signal, call) => {
          breakers.report("c/large", FAILED, false);
          return dawdles(signal, call);
        },
        c: answers("c"),
      },
      {},
      { breakers },
    );
    expect(opening.attempts).toEqual(["a attempt failed", "c attempt completed"]);
    const held = { ...config, breakersByHand: new Map([["b", "open"]] as const) };
    expect((await ask(held, { a: dawdles, c: answers("c") })).asked).toEqual(["a", "c"]);
    const picky = configOf(
      route().replace("{backend: b, model: large}", "{backend: b, model: large, on: [overloaded]}"),
    );
    expect((await ask(picky, { a: dawdles, c: answers("c") })).asked).toEqual(["a", "c"]);
    const few = configOf(route("    maxAttempts: 1"));
    expect((await ask(few, { a: dawdles })).asked).toEqual(["a"]);
  });

  // planted: JSON asked for where the caller wants JSON
  it("has its first token seen where the backend would be asked for JSON", async () => {
    const collected = configOf(route().replace("backend: a", "backend: json"));
    const played = await ask(collected, { json: answers("json") }, { stream: false });
    expect([played.status, played.asked, played.body.includes('"json"')]).toEqual([200, ["json"], true]);
  });

  it("that a filter ends before any word is the answer where the first never says one", async () => {
    const played = await ask(config, { a: dawdles, b: filters });
    expect([played.status, played.body.includes("content_filter")]).toEqual([200, true]);
  });

  // planted: only the first is stopped
  it("ends with the client: both are stopped, and settled once", async () => {
    const stopped: string[] = [];
    const playing = begin(
      { caller: "openai-chat", backend: "openai-chat", alias: "chat", stream: true },
      () => Response.error(),
      {
        config: () => config,
        availableBackends: new Set(["a", "b", "c"]),
        transport: {
          send: (call, signal) => {
            signal.addEventListener("abort", () => stopped.push(call.backend.name));
            return dawdles(signal, 1);
          },
        },
      },
    );
    await waited(100);
    playing.leave();
    await playing.reply;
    await playing.settled();
    expect([new Set(stopped), playing.settlements.length, playing.bugs]).toEqual([new Set(["a", "b"]), 1, []]);
    const [settlement] = playing.settlements;
    expect(settlement?.event.attempts.map(({ backend, outcome }) => [backend, outcome])).toEqual([
      ["a", "cancelled"],
      ["b", "cancelled"],
    ]);
  });
});
