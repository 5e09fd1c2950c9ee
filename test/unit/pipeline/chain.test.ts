import { describe, expect, it } from "vitest";
import type { Config, Route } from "../../../src/core/config.ts";
import type { Trigger } from "../../../src/core/triggers.ts";
import { RetryBudget } from "../../../src/routing/retry-budget.ts";
import {
  answers,
  ask,
  type Behaviour,
  breaksOff,
  configOf,
  contextError,
  dawdles,
  errorFrame,
  filters,
  filtersWhole,
  hangs,
  refuses,
  says,
  saysHtml,
} from "../../support/chain.ts";
import { NOW } from "../../support/pipeline.ts";

const routeOf = ({ routes }: Config) => routes.chat as Route;
const chain = (last: string, more = "") => `
  chat:
    targets: [{backend: a, model: small}]
    fallbacks: [{backend: b, model: large, on: [filter]}, {backend: c, model: large${last}}]
    delayBudgetMs: 2000
${more}`;

const FAULTS: readonly [string, Behaviour, Trigger][] = [
  ["no connection", refuses, "connect"],
  ["no headers", hangs, "connect"],
  ["no token", dawdles, "first-token"],
  ["429", says(429, { message: "slow down" }), "overloaded"],
  ["500", says(500, { message: "oops" }), "error"],
  ["an error frame", errorFrame, "error"],
  ["a model that is not served", says(404, { message: "The model `small` does not exist.", param: "model" }), "error"],
  ["the tunnel", saysHtml(530), "tunnel"],
  ["a proxy with nobody behind it", saysHtml(503), "tunnel"],
  ["a context that is too small", contextError, "context"],
];

describe("what leads from step to step", () => {
  // planted: isLedTo always true; a step that was passed over is come back to
  it.each(FAULTS)("%s leads to the step that stands for it, and past those that do not", async (_, fault, trigger) => {
    const config = configOf(chain(`, on: [${trigger}]`));
    const played = await ask(config, { a: fault, b: answers("b"), c: answers("c") });
    expect([played.status, played.asked, played.bugs]).toEqual([200, ["a", "c"], []]);
    expect(played.body).toContain('"c"');
    expect(played.steps.slice(-3)).toEqual([`passed-over b:${trigger}`, `next c:${trigger}`, "answered c"]);
  });

  // planted: a failure that leads nowhere tries the next step all the same
  it.each(FAULTS)("%s ends the chain where no step stands for it", async (_, fault, trigger) => {
    const others = FAULTS.map(([, , other]) => other).filter((other) => other !== trigger);
    const config = configOf(chain(`, on: [${[...new Set(others)].join(", ")}]`, "    maxAttempts: 1"));
    const played = await ask(config, { a: fault });
    expect([played.asked, played.event.outcome]).toEqual([["a"], "failed"]);
  });

  // planted: `isRoomier` left out
  it("a context that is too small leads to a larger one alone", async () => {
    const config = configOf(`
  chat:
    targets: [{backend: a, model: small}]
    fallbacks: [{backend: b, model: small, on: [context]}, {backend: c, model: large, on: [context]}]`);
    const played = await ask(config, { a: contextError, c: answers("c") });
    expect([played.status, played.asked]).toEqual([200, ["a", "c"]]);
    const neither = await ask(config, { a: contextError, c: contextError });
    expect([neither.status, neither.body.includes("context_length_exceeded")]).toEqual([400, true]);
  });

  // planted: the needed tokens not given to the plan
  it("our own estimate leads to the larger context at once", async () => {
    const config = configOf(chain(", on: [context]"));
    const played = await ask(config, { c: answers("c") }, { says: "word ".repeat(9_000) });
    expect([played.status, played.asked]).toEqual([200, ["c"]]);
    expect(played.plan).toEqual(["c larger-context", "skip a:context-too-small", "skip b:not-led-to"]);
  });
});

describe("a content filter", () => {
  const asks = says(400, { message: "filtered", code: "content_filter" });
  const allowed = configOf(chain(", on: [filter]"));
  const forbidden = configOf(chain("").replace("[filter]", "[context]"));

  // planted: `filter` among the defaults; a filter's finish taken for any answer
  it.each([
    ["an answer", filters],
    ["a refusal", asks],
  ])("that stops %s leads on only where a step allows it", async (_, filtered) => {
    for (const stream of [true, false]) {
      const world = { a: filtered, b: filters, c: answers("c") };
      const led = await ask(allowed, world, { stream });
      expect([led.status, led.asked, led.body.includes('"c"'), led.bugs]).toEqual([200, ["a", "b", "c"], true, []]);
      const ended = await ask(forbidden, world, { stream });
      expect([ended.asked, ended.status, ended.body.includes("filter")]).toEqual([
        ["a"],
        filtered === asks ? 400 : 200,
        true,
      ]);
    }
  });

  // planted: only streams looked at
  it("that stops a whole answer leads on too", async () => {
    const config = configOf(`
  chat:
    targets: [{backend: json, model: small}]
    fallbacks: [{backend: b, model: large, on: [filter]}]`);
    const played = await ask(config, { json: filtersWhole, b: answers("b") }, { stream: false });
    expect([played.status, played.asked, played.attempts]).toEqual([
      200,
      ["json", "b"],
      ["json attempt completed", "b attempt completed"],
    ]);
  });

  // planted: the filtered answer dropped; booked as a failure of the backend
  it("that nobody mends is the answer, and what was read is owed for", async () => {
    const played = await ask(allowed, { a: filters, b: says(500, {}), c: refuses });
    expect([played.status, played.body.includes("content_filter"), played.event.outcome]).toEqual([
      200,
      true,
      "completed",
    ]);
    expect(played.steps.at(-1)).toBe("answered a");
    const mended = await ask(allowed, { a: filters, b: answers("b") });
    expect(mended.attempts).toEqual(["a attempt completed", "b attempt completed"]);
    expect(mended.event.attempts[0]?.costNanoUsd).toBeGreaterThan(0);
  });
});

describe("what is paid for and left", () => {
  // A long question and a short answer: two of them cost nearly twice as much as one.
  const asks = { says: "word ".repeat(1_000), more: { max_tokens: 4 } };
  const steps = (first: string, more: string) =>
    configOf(`
  chat:
    targets: [{backend: ${first}, model: small}]
    fallbacks: [{backend: b, model: large${more}}, {backend: c, model: large, on: [error]}]`);
  const filtering = steps("a", ", on: [filter]");
  const plain = steps("a", "");
  const json = steps("json", "");
  const reserved = async (config: typeof json, more = {}) =>
    (await ask(config, { a: answers("a"), json: answers("json") }, { ...asks, ...more })).event.reservedNanoUsd;

  // planted: steps that stand for a filter left out of the reservation; JSON that breaks off
  it("is reserved for", async () => {
    const filtered = await ask(filtering, { a: filters, b: answers("b") }, asks);
    const broken = await ask(json, { json: breaksOff, b: answers("b") }, { ...asks, stream: false });
    for (const { event, status } of [filtered, broken]) {
      expect([status, event.attempts.filter(({ costNanoUsd }) => costNanoUsd > 0).length]).toEqual([200, 2]);
      expect(event.costNanoUsd).toBeLessThanOrEqual(event.reservedNanoUsd);
    }
  });

  // planted: reserved for, streams or not; the caller's own refusal of others, `maxAttempts` and the last step not looked at
  it("is not reserved for where it cannot be", async () => {
    const once = await reserved(plain);
    expect(await reserved(plain, { stream: false })).toBe(once);
    expect(await reserved(filtering)).toBe(2 * once);
    expect(await reserved(filtering, { noFallback: true })).toBe(once);
    expect(await reserved(json)).toBe(once);
    expect(await reserved(json, { stream: false })).toBe(2 * once);
    expect(await reserved({ ...json, routes: { chat: { ...routeOf(json), maxAttempts: 1 } } }, { stream: false })).toBe(
      once,
    );
    const last = configOf("\n  chat: {targets: [{backend: a, model: small}], fallbacks: [{backend: json, model: m}]}");
    expect(await reserved(last, { stream: false })).toBe(once);
  });
});

describe("budgets of a chain", () => {
  const limited = (more: string) => `
  chat:
    targets: [{backend: a, model: small, delayBudgetMs: 60}]
    fallbacks: [{backend: b, model: large}, {backend: c, model: large}]
${more}`;

  // planted: the step's own budget not looked at
  it("a step has its own delay, within the whole", async () => {
    const played = await ask(configOf(limited("    delayBudgetMs: 1000")), { a: hangs, b: answers("b") });
    expect([played.status, played.asked]).toEqual([200, ["a", "b"]]);
    const [attempt] = played.event.attempts;
    expect(attempt?.durationMs).toBeLessThan(140);
  });

  // planted: the whole budget not looked at before a step
  it("the whole delay ends the chain, though steps are left", async () => {
    const whole = configOf(`
  chat:
    targets: [{backend: a, model: small}]
    fallbacks: [{backend: b, model: large}, {backend: c, model: large}]
    deadlines: {connectMs: 100, firstTokenMs: 100}
    delayBudgetMs: 150`);
    const played = await ask(whole, { a: dawdles, b: dawdles });
    expect([played.asked, played.status]).toEqual([["a", "b"], 504]);
    expect(played.steps.at(-1)).toBe("stopped delay-budget");
  });

  // planted: maxAttempts not looked at
  it("no more than maxAttempts, however long the chain", async () => {
    const played = await ask(configOf(limited("    maxAttempts: 2")), { a: refuses, b: says(500, {}) });
    expect([played.asked, played.steps.at(-1)]).toEqual([["a", "b"], "stopped max-attempts"]);
  });

  it("a caller who refuses fallbacks gets the first step or none", async () => {
    const config = configOf(limited("    hedge: {afterMs: 20}"));
    const played = await ask(config, { a: dawdles }, { noFallback: true });
    expect([played.asked, played.event.outcome]).toEqual([["a"], "failed"]);
  });
});

describe("a storm of retries", () => {
  const alone = configOf("\n  chat: {targets: [{backend: a, model: small}], maxAttempts: 3}\n");
  const two = configOf(chain("").replace(", on: [filter]", "").replace(", {backend: c, model: large}", ""));
  const busy = says(429, { message: "slow down" }, { "retry-after-ms": "0" });

  async function counted(config: typeof alone, world: Parameters<typeof ask>[1]) {
    const calls: Record<string, number> = {};
    const retries = new RetryBudget();
    for (let call = 0; call < 300; call++) {
      const played = await ask(config, world, {}, { retries });
      for (const name of played.asked) calls[name] = (calls[name] ?? 0) + 1;
    }
    return calls;
  }

  // planted: the retry budget not asked
  it.each([
    ["that cannot be reached", refuses],
    ["that is overloaded", busy],
  ])("a backend %s gets at most one retry for ten calls", async (_, fault) => {
    const { a = 0 } = await counted(alone, { a: fault });
    expect(a).toBeGreaterThan(320);
    expect(a).toBeLessThanOrEqual(330);
  });

  // planted: a retry although another step is left
  it("nor are more calls made altogether than one more a step", async () => {
    expect(await counted(two, { a: refuses, b: answers("b") })).toEqual({ a: 300, b: 300 });
    const { a = 0, b = 0 } = await counted(two, { a: refuses, b: busy });
    expect(a).toBe(300);
    expect(b).toBeLessThanOrEqual(330);
  });

  // planted: another model of a backend that was asked is called without a word of the budget; a longer context takes from it
  it("a step at a backend that has just failed is a retry too", async () => {
    const same = configOf(`
  chat:
    targets: [{backend: a, model: small}]
    fallbacks: [{backend: a, model: large}]`);
    const { a = 0 } = await counted(same, { a: says(500, {}) });
    expect(a).toBeLessThanOrEqual(330);
    const spent = new RetryBudget();
    spent.take("a", NOW);
    const context = await ask(
      configOf(`
  chat:
    targets: [{backend: a, model: small}]
    fallbacks: [{backend: a, model: large, on: [context]}]`),
      {
        a: (signal, call) => (call === 1 ? contextError : answers("large"))(signal, call),
      },
      {},
      { retries: spent },
    );
    expect(context.asked).toEqual(["a", "a"]);
  });
});
