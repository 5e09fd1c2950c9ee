import fc from "fast-check";
import { expect, test } from "vitest";
import { findRoute, mergeLimits, resolve } from "../../../src/config/resolve.ts";
import type { Overlay } from "../../../src/core/config.ts";
import { exampleBase } from "./base.ts";

const base = exampleBase();

test("without an overlay the base stands as it is", () => {
  const { config, ignored } = resolve(base, undefined);
  expect(config).toEqual({ ...base, overlayVersion: 0, disabledBackends: new Set(), breakersByHand: new Map() });
  expect(ignored).toEqual([]);
});

// planted: withWeights that keeps the old weights
test("an overlay moves weights, prices, limits and switches, and the base is untouched", () => {
  const before = structuredClone(base);
  const { config, ignored } = resolve(base, {
    version: 7,
    weights: { chat: [0, 1] },
    disabledBackends: ["claude"],
    breakers: { openai: "open", "openai/gpt": "closed" },
    tiers: { free: { key: { requestsPerMinute: 99 } } },
    prices: { openai: { gpt: { inputPerMillion: 4, outputPerMillion: 16 } } },
  });
  expect(ignored).toEqual([]);
  expect(config.overlayVersion).toBe(7);
  expect(config.version).toBe(base.version);
  expect(config).toMatchObject({
    routes: { chat: { targets: [{ weight: 0 }, { weight: 1, price: { inputPerMillion: 4, outputPerMillion: 16 } }] } },
    disabledBackends: new Set(["claude"]),
    breakersByHand: new Map([
      ["openai", "open"],
      ["openai/gpt", "closed"],
    ]),
  });
  expect(base).toEqual(before);
});

// planted: mergeLimits that replaces a level instead of merging it
test("a changed limit leaves the other limits of the level in place: a budget is never lifted by silence", () => {
  const { config } = resolve(base, { version: 1, tiers: { free: { key: { requestsPerMinute: 99 } } } });
  expect(config.tiers).toEqual({
    free: {
      name: "free",
      limits: {
        key: { requestsPerMinute: 99, budget: { limitNanoUsd: 1_000_000_000, period: "day" } },
        tenant: { concurrency: 4 },
      },
    },
  });
});

// planted, one by one: each condition in front of `ignored.push` taken away
test.each<[string, unknown, string]>([
  ["an unknown alias", { version: 1, weights: { cat: [1, 1] } }, "weights.cat"],
  ["too few weights", { version: 1, weights: { chat: [1] } }, "weights.chat"],
  ["a negative weight", { version: 1, weights: { chat: [1, -1] } }, "weights.chat"],
  ["no weight at all", { version: 1, weights: { chat: [0, 0] } }, "weights.chat"],
  ["a weight that is no number", { version: 1, weights: { chat: [1, "1"] } }, "weights.chat"],
  ["an unknown backend", { version: 1, disabledBackends: ["hom"] }, "disabledBackends.hom"],
  ["an inherited name", { version: 1, disabledBackends: ["constructor"] }, "disabledBackends.constructor"],
  ["a breaker of no backend", { version: 1, breakers: { constructor: "open" } }, "breakers.constructor"],
  [
    "a breaker of a model that no route asks for",
    { version: 1, breakers: { "openai/x": "open" } },
    "breakers.openai/x",
  ],
  ["a breaker that is neither", { version: 1, breakers: { openai: "ajar" } }, "breakers.openai"],
  ["an unknown tier", { version: 1, tiers: { gold: { key: { concurrency: 1 } } } }, "tiers.gold"],
  ["an unknown level", { version: 1, tiers: { free: { planet: { concurrency: 1 } } } }, "tiers.free.planet"],
  [
    "a limit of zero",
    { version: 1, tiers: { free: { key: { requestsPerMinute: 0 } } } },
    "tiers.free.key.requestsPerMinute",
  ],
  [
    "a limit that is text",
    { version: 1, tiers: { free: { key: { requestsPerMinute: "9" } } } },
    "tiers.free.key.requestsPerMinute",
  ],
  [
    "a budget without a period",
    { version: 1, tiers: { free: { key: { budget: { limitNanoUsd: 5 } } } } },
    "tiers.free.key.budget",
  ],
  [
    "a price that is negative",
    { version: 1, prices: { openai: { gpt: { inputPerMillion: -1, outputPerMillion: 1 } } } },
    "prices.openai.gpt",
  ],
  ["a price with a hole", { version: 1, prices: { openai: { gpt: { inputPerMillion: 1 } } } }, "prices.openai.gpt"],
  [
    "a price of a model that nothing uses",
    { version: 1, prices: { openai: { gpd: { inputPerMillion: 1, outputPerMillion: 1 } } } },
    "prices.openai.gpd",
  ],
  ["a level of an unknown alias", { version: 1, degradation: { cat: "emergency" } }, "degradation.cat"],
  ["a level that is none", { version: 1, degradation: { chat: "off" } }, "degradation.chat"],
  ["a level that the route does not have", { version: 1, degradation: { chat: "reduced" } }, "degradation.chat"],
  ["a level that no route has", { version: 1, degradation: { "*": "reduced" } }, "degradation.*"],
  ["an overlay without a version", { weights: { chat: [0, 1] } }, "version"],
])("%s is ignored and named: %o", (_, overlay, path) => {
  const { config, ignored } = resolve(base, overlay as Overlay);
  expect(ignored.map((misfit) => misfit.path)).toEqual([path]);
  const { overlayVersion: _version, overlayMeaning: _meaning, disabledBackends, breakersByHand, ...rest } = config;
  expect(rest).toEqual(base);
  expect([disabledBackends.size, breakersByHand.size]).toEqual([0, 0]);
});

// planted: a reason each taken for another's
test.each<[string, unknown, string | RegExp]>([
  ["weights", { cat: [1] }, 'no route is named "cat"; did you mean "chat"?'],
  ["weights", { chat: [1] }, "must be as many numbers as targets (2), one above 0 at least"],
  ["disabledBackends", ["opnai"], 'no backend is named "opnai"; did you mean "openai"?'],
  ["breakers", { aaaa: "open" }, /^no breaker is named "aaaa"; known are .*openai.*openai\/gpt/],
  ["breakers", { openai: "ajar" }, "must be open or closed"],
  ["rules", { chat: [{ name: "a", when: {}, use: ["home"] }] }, /^no target of this route has a name; .*`name: home`/],
  ["rules", { chat: [{ name: "a", when: { tier: ["fre"] } }] }, 'no tier is named "fre"; did you mean "free"?'],
  ["choose", { chat: { by: "magic" } }, "must be one of weight, hash, price, speed"],
  ["degradation", { chat: "reduced" }, "must be a level that the route has: full, emergency"],
  ["degradation", { "*": "reduced" }, /^must be a level that some route has/],
  ["tiers", { fre: {} }, 'no tier is named "fre"; did you mean "free"?'],
  ["tiers", { free: { kee: {} } }, "must be one of key, user, model, tenant"],
  ["tiers", { free: { key: { concurrency: 0 } } }, "must be a whole number above 0"],
  ["prices", { openai: { gpd: {} } }, "no route asks openai for this model"],
  ["prices", { openai: { gpt: {} } }, "needs inputPerMillion and outputPerMillion, dollars from 0 on"],
])("%s: %j says why it does not fit: %s", (part, value, says) => {
  const [misfit] = resolve(base, { version: 1, [part]: value } as unknown as Overlay).ignored;
  if (typeof says === "string") expect(misfit?.reason).toBe(says);
  else expect(misfit?.reason).toMatch(says);
});

// planted: the last word counts; a route's rules lost where its level is set
test("a level goes above that of all routes, wherever it stands", () => {
  for (const degradation of [
    { "*": "emergency", chat: "full" },
    { chat: "full", "*": "emergency" },
  ] as const) {
    const { config, ignored } = resolve(base, { version: 1, degradation, weights: { chat: [0, 1] } });
    expect(ignored).toEqual([]);
    expect(Object.values(config.routes).map(({ alias, levelByHand }) => [alias, levelByHand])).toEqual(
      Object.keys(base.routes).map((alias) => [alias, alias === "chat" ? "full" : "emergency"]),
    );
    expect(config.routes.chat?.targets.map(({ weight }) => weight)).toEqual([0, 1]);
  }
});

// planted: the version and the levels part of what an overlay says of answers; its weights no part
test("what an overlay says of answers has a name, which levels and versions do not change", () => {
  const meaning = (overlay: Overlay) => resolve(base, overlay).config.overlayMeaning;
  const chat = [0, 1];
  expect(meaning({ version: 1, degradation: { chat: "full" } })).toBeUndefined();
  expect(
    meaning({ version: 2, weights: { chat }, degradation: { chat: "emergency" }, breakers: { home: "open" } }),
  ).toBe(meaning({ version: 1, weights: { chat } }));
  expect(meaning({ version: 1, weights: { chat: [1, 1] } })).not.toBe(meaning({ version: 1, weights: { chat } }));
});

test("no JSON whatever in the place of an overlay makes it throw", () => {
  fc.assert(
    fc.property(
      fc.jsonValue(),
      fc.constantFrom("weights", "tiers", "prices", "disabledBackends", "breakers", "degradation"),
      (value, part) => {
        resolve(base, { version: 1, [part]: value } as unknown as Overlay);
      },
    ),
  );
});

// planted: findRoute without `hasOwn`
test.each(["constructor", "__proto__", "toString", "Chat", ""])("the alias %j finds no route", (alias) => {
  expect(findRoute(base, alias)).toBeUndefined();
});

test("limits of a key go over those of its tier, unit by unit", () => {
  expect(
    mergeLimits(
      { key: { requestsPerMinute: 1, concurrency: 2 } },
      { key: { concurrency: 9 }, user: { tokensPerMinute: 3 } },
    ),
  ).toEqual({
    key: { requestsPerMinute: 1, concurrency: 9 },
    user: { tokensPerMinute: 3 },
  });
});
