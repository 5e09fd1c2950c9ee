import { compileConfig } from "../src/config/compile.ts";
import { findRoute, resolve } from "../src/config/resolve.ts";
import type { Config } from "../src/core/config.ts";
import { choose } from "../src/routing/choose.ts";
import { complexityOf } from "../src/routing/complexity.ts";
import { languageOf } from "../src/routing/language.ts";
import { plan } from "../src/routing/plan.ts";
import { ruleFor } from "../src/routing/rules.ts";

const ROUTES = 200;
const RULES = 12;
const CALLS = 20_000;
const TEXT = "Please write a short note to my landlord about the heating, which has been cold since Monday. ".repeat(
  24,
);

/** The rules of every route: none but the last takes the request, so that all are asked. */
const WHEN = {
  caller: "{tenant: [other], tier: [premium], task: [code]}",
  text: "{language: [de], complexity: {atLeast: 0.9}}",
};

/** CPU micro-seconds of this process for one request to find its route, rule and target, and to plan its attempts, among 200 routes of 12 rules each. */
export function routingCost(rulesOn: keyof typeof WHEN): number {
  const config = configOf(WHEN[rulesOn]);
  const availableBackends = new Set(Object.keys(config.backends));
  for (let call = 0; call < CALLS / 4; call++) route(config, availableBackends, call);
  const before = process.cpuUsage();
  for (let call = 0; call < CALLS; call++) route(config, availableBackends, call);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / CALLS;
}

function route(config: Config, availableBackends: ReadonlySet<string>, call: number): void {
  const found = findRoute(config, `route-${call % ROUTES}`);
  if (!found) throw new Error("a route of the bench is missing");
  let language: string | undefined;
  let complexity: ReturnType<typeof complexityOf> | undefined;
  const rule = ruleFor(found.rules ?? [], {
    tenant: "acme",
    tier: "free",
    scopes: new Set(["inference"]),
    inputTokens: 500,
    hasTools: false,
    stream: true,
    metadata: () => undefined,
    hasImages: () => false,
    language() {
      language ??= languageOf(TEXT);
      return language;
    },
    complexity() {
      complexity ??= complexityOf({ text: TEXT, inputTokens: 500, turns: 1, tools: 0, structured: false });
      return complexity;
    },
  });
  const chosen = choose(found, rule, {
    config,
    availableBackends,
    random: Math.random,
    subject: () => `session-${call}`,
    firstTokenMs: () => undefined,
    inputTokens: 500,
  });
  const planned = plan(chosen.route, {
    config,
    availableBackends,
    breakers: {},
    now: 0,
    random: Math.random,
    ...(chosen.drawn && { drawn: chosen.drawn }),
  });
  if (planned.attempts.length === 0 || rule?.name !== "last") throw new Error("the bench was routed elsewhere");
}

function configOf(when: string): Config {
  const rules = Array.from({ length: RULES - 1 }, (_, index) => `{name: r${index}, when: ${when}, use: [a]}`);
  const routes = Array.from({ length: ROUTES }, (_, index) =>
    [
      `  route-${index}:`,
      `    targets: [{name: a, backend: one, model: a}, {name: b, backend: two, model: b}, {name: c, backend: one, model: c}]`,
      `    fallbacks: [{backend: two, model: d}]`,
      `    rules: [${rules.join(", ")}, {name: last, when: {}, choose: {by: hash, of: session}}]`,
    ].join("\n"),
  );
  const backend = (name: string) =>
    `  ${name}: {formats: [openai-chat], baseUrl: {url: "http://${name}.invalid"}, price: {inputPerMillion: 1, outputPerMillion: 1}}`;
  const compiled = compileConfig(
    `backends:\n${backend("one")}\n${backend("two")}\nroutes:\n${routes.join("\n")}\ntiers: {free: {}, premium: {}}\ndefaultTier: free\n`,
    "bench.yaml",
  );
  if (!compiled.ok) throw new Error(compiled.problems.map(({ text }) => text).join("\n"));
  return resolve(compiled.config, undefined).config;
}
