import { describe, expect, it } from "vitest";
import { compileConfig } from "../../../src/config/compile.ts";
import { resolve } from "../../../src/config/resolve.ts";
import { breakerRules, CLOSED_BREAKER } from "../../../src/core/breaker.ts";
import type { Config, Overlay } from "../../../src/core/config.ts";
import type { ChatDraft } from "../../../src/core/draft.ts";
import type { Continued, Controls } from "../../../src/core/exchange.ts";
import type { WideEvent } from "../../../src/core/wide-event.ts";
import { BreakerView } from "../../../src/routing/breaker-view.ts";
import { LoadView } from "../../../src/routing/load-view.ts";
import type { Gateway } from "../../../src/stages/gateway.ts";
import { questionOf } from "../../../src/stages/route-question.ts";
import { speedometer } from "../../../src/stores/isolate/speeds.ts";
import { NOW, type PlayedRequest, play } from "../../support/pipeline.ts";

const CONFIG = `
backends:
  home: {formats: [openai-chat], baseUrl: {url: "http://127.0.0.1:2"}, price: {inputPerMillion: 1, outputPerMillion: 1}}
  cloud: {formats: [openai-chat], baseUrl: {url: "http://127.0.0.1:2"}, health: {}, price: {inputPerMillion: 9, outputPerMillion: 9}}
routes:
  clever:
    targets:
      - {name: small, backend: home, model: small}
      - {name: code, backend: home, model: code, weight: 0}
      - {name: large, backend: cloud, model: large, weight: 0}
    fallbacks: [{backend: cloud, model: spare}]
    cache: {mode: "on"}
    rules:
      - {name: coders, when: {task: [code], metadata: {team: [search, tools]}}, use: [code]}
      - {name: german, when: {language: [de]}, use: [large]}
      - {name: hard, when: {complexity: {atLeast: 0.4}}, use: [large]}
      - {name: tried, when: {tier: [open], stream: false}, use: [small, code], choose: {by: hash, of: session, experiment: coder}}
tiers:
  open: {}
defaultTier: open
`;

const compiled = compileConfig(CONFIG, "clever.yaml");
if (!compiled.ok) throw new Error(compiled.problems.map(({ text }) => text).join("\n"));
const base = compiled.config;

const answer = (model: string) => ({
  id: "chatcmpl-1",
  object: "chat.completion",
  created: 1,
  model,
  choices: [{ index: 0, message: { role: "assistant", content: "Yes." }, finish_reason: "stop" }],
  usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 },
});

async function ask(
  says: string,
  {
    stream = false,
    more = {},
    overlay,
    controls,
  }: Partial<PlayedRequest> & { overlay?: Overlay; controls?: Partial<Controls> } = {},
  fails: ReadonlySet<string> = new Set(),
  gateway: Partial<Gateway> = {},
) {
  const config: Config = resolve(base, overlay).config;
  const played = await play(
    {
      caller: "openai-chat",
      backend: "openai-chat",
      alias: "clever",
      stream,
      says,
      more,
      ...(controls && { controls }),
    },
    ({ request }) => {
      const { model } = JSON.parse(request.body);
      return fails.has(model) ? new Response("{}", { status: 500 }) : Response.json(answer(model));
    },
    { config: () => config, availableBackends: new Set(["home", "cloud"]), ...gateway },
  );
  return { ...played, models: played.calls.map(({ request }) => JSON.parse(request.body).model) };
}

const task = { task: "code", metadata: { team: "tools" } };

// planted: the backend's name alone; the model told of a backend that has one
it("tells two models of one backend apart in its decisions, and only those", async () => {
  const { decisions } = (await ask("Say hello.", { stream: true })).event;
  const planned = decisions
    .filter(({ step }) => step === "plan")
    .map(({ decision, reason }) => `${decision} ${reason}`);
  expect(planned).toEqual([
    "home/small weighted-choice",
    "cloud/spare fallback",
    "skip home/code:no-weight",
    "skip cloud/large:no-weight",
  ]);
});

// planted: what was asked for left out, or not masked
it.each([
  ["gpt-9:nope", "gpt-9:nope"],
  ["sk-abcdefghijklmnop1234", "[masked]"],
])("says which model was asked for where there is none, %s, and makes no label of it", async (model, reason) => {
  const told: WideEvent[] = [];
  // Nothing is reserved, so nothing is settled.
  const asked = ask("Say hello.", { more: { model } }, new Set(), { log: (event) => told.push(event) });
  await expect(asked).rejects.toThrow("nothing was settled: 404");
  expect(told).toMatchObject([{ alias: "", outcome: "refused" }]);
  expect(told[0]?.decisions).toContainEqual({ step: "resolve", decision: "unknown_model", reason });
});

describe("a route with rules", () => {
  // planted: the second rule asked first; the rule's name not told
  it.each([
    ["Say hello.", { controls: task }, ["code"], "clever;rule=coders;by=only-target"],
    [
      "Say hello.",
      { more: { metadata: { team: "search" } }, controls: { task: "code" } },
      ["code"],
      "clever;rule=coders;by=only-target",
    ],
    ["Wie heißt die Hauptstadt und warum ist das so?", {}, ["large"], "clever;rule=german;by=only-target"],
    [
      "Prove why this algorithm must be correct, step by step.",
      { stream: true },
      ["large"],
      "clever;rule=hard;by=only-target",
    ],
    ["Say hello.", { stream: true }, ["small"], "clever;by=only-target"],
  ] as const)("%s (%j) goes to %j", async (says, more, models, header) => {
    const played = await ask(says, more);
    expect([played.models, played.headers["x-gateway-route"]]).toEqual([
      models,
      header.replace(/^clever;by=only-target$/, "clever"),
    ]);
  });

  // planted: each of the parts left out of the record
  it("says in its record which rule, how, which arm, and how complex it looked", async () => {
    const { event, headers, models } = await ask("Say hello.", { controls: { session: "s-1" } });
    expect(event.routing).toEqual({ rule: "tried", by: "hash", experiment: "coder", arm: models[0], complexity: 0 });
    expect(headers["x-gateway-route"]).toBe(`clever;rule=tried;by=hash;arm=coder:${models[0]}`);
    expect(event.decisions.find(({ step }) => step === "route")).toEqual({
      step: "route",
      decision: "hash",
      reason: `rule=tried experiment=coder arm=${models[0]} complexity=0`,
    });
    const again = await Promise.all([1, 2, 3].map(() => ask("Say hello.", { controls: { session: "s-1" } })));
    expect(new Set(again.map(({ models: [model] }) => model))).toEqual(new Set(models));
  });

  // planted: a target that the rule does not name asked behind the one that failed; nothing reserved but for the rule's own
  it("falls back to the route's fallbacks, and to no target that the rule does not name", async () => {
    const { models, event } = await ask("Say hello.", { controls: task }, new Set(["code"]));
    expect(models).toEqual(["code", "spare"]);
    const dear = await ask("Wie ist das Wetter in der Stadt?");
    expect(dear.event.reservedNanoUsd).toBeGreaterThanOrEqual(event.reservedNanoUsd);
  });

  // planted: the arm no part of the cache's key
  it("keeps the answers of its arms apart in the cache", async () => {
    const sessions = await Promise.all(
      Array.from({ length: 12 }, (_, index) => ask("Say hello.", { controls: { session: `s-${index}` } })),
    );
    const keys = new Map(sessions.map(({ models: [model], settlements }) => [model, settlements[0]?.cacheWrite?.key]));
    expect(keys.size).toBe(2);
    expect(new Set(keys.values()).size).toBe(2);
  });

  // planted: the arm no part of the key where a rule names one target alone
  it("keeps the answers of rules apart that name one target each", async () => {
    const says = "Prove why this algorithm must be correct, step by step.";
    const [code, large] = [await ask(says, { controls: task }), await ask(says)];
    expect([code.models, large.models]).toEqual([["code"], ["large"]]);
    const [one, other] = [code, large].map(({ settlements }) => settlements[0]?.cacheWrite?.key);
    expect(one).toMatch(/^[0-9a-f]{64}$/);
    expect(other).not.toBe(one);
  });

  it("has other rules where the overlay says so, and its own where the overlay's are wrong", async () => {
    const rules = (list: unknown): Overlay => ({ version: 1, rules: { clever: list } });
    const all = await ask("Say hello.", { overlay: rules([{ name: "all", when: {}, use: ["large"] }]) });
    expect([all.models, all.headers["x-gateway-route"]]).toEqual([["large"], "clever;rule=all;by=only-target"]);
    const wrong = await ask("Say hello.", {
      overlay: rules([{ name: "all", when: {}, use: ["nowhere"] }]),
      controls: task,
    });
    expect(wrong.models).toEqual(["code"]);
  });
});

// planted: what does not stream never known; a failure as quick as it came
it("a choice by speed learns of whole answers, and of those that never came", async () => {
  const speeds = speedometer({ now: () => NOW });
  const config = resolve(base, { version: 1, rules: { clever: [] }, choose: { clever: { by: "speed" } } }).config;
  const asks = (fails: boolean) =>
    play(
      { caller: "openai-chat", backend: "openai-chat", alias: "clever", stream: false, noFallback: true },
      () => (fails ? new Response("{}", { status: 500 }) : Response.json(answer("small"))),
      { config: () => config, availableBackends: new Set(["home"]), speeds },
    );
  await asks(false);
  expect(speeds.firstTokenMs("home/small")).toBe(0);
  await asks(true);
  expect(speeds.firstTokenMs("home/small")).toBe(12_000);
});

// planted: drawn because nobody knows how quick it is, so that another answers in its place, nothing is cached and the arm is wrong
it.each(["breaker", "load"])("a choice by speed does not draw what nobody will ask: %s", async (what) => {
  const speeds = speedometer({ now: () => NOW });
  speeds.learn("home/small", 100, false);
  const rule = { name: "quick", when: {}, use: ["small", "large"], choose: { by: "speed", experiment: "e" } } as const;
  const overlay: Overlay = { version: 1, rules: { clever: [rule] } };
  const breakers = new BreakerView(breakerRules(base), () => NOW);
  const loads = new LoadView();
  if (what === "breaker")
    breakers.learn({ breakers: { "cloud/large": { ...CLOSED_BREAKER, openUntil: NOW + 9_000 } } });
  else loads.learn({ breakers: {}, loads: { cloud: { up: false, readAt: NOW, freshUntil: NOW + 9_000 } } });
  const { models, headers, settlements } = await ask("Say hello.", { overlay }, new Set(), { speeds, breakers, loads });
  expect([models, headers["x-gateway-route"], settlements[0]?.cacheWrite !== undefined]).toEqual([
    ["small"],
    "clever;rule=quick;by=speed;arm=e:small",
    true,
  ]);
  expect((await ask("Say hello.", { overlay }, new Set(), { speeds })).models).toEqual(["large"]);
});

// planted: a bug in what is learnt of a request kept it from being settled
it("what a settlement learns for others costs itself alone where it fails", async () => {
  const bug = new Error("no speeds");
  const learn = () => {
    throw bug;
  };
  const overlay = { version: 1, rules: { clever: [] }, choose: { clever: { by: "speed" } } } as const;
  const { settlements, bugs } = await ask("Say hello.", { overlay }, new Set(), {
    speeds: { firstTokenMs: () => undefined, hear: () => undefined, learn },
  });
  expect([settlements.length, bugs]).toEqual([1, [bug]]);
});

// planted: a count seen as a request without tools or images
it("a count goes by the rules of the chat that it is about", () => {
  const tools = [{ name: "tide", schema: {} }];
  const chat = { operation: "chat", stream: true, messages: [], tools } as unknown as ChatDraft;
  const draft = { operation: "tokenize", model: "clever", chat, unknownFields: [] };
  const principal = { tenant: "t", tier: "open", scopes: new Set() };
  const exchange = { draft, principal, controls: {}, body: { value: {} } } as unknown as Continued;
  expect(questionOf(exchange, 1)).toMatchObject({ hasTools: true, stream: true });
});
