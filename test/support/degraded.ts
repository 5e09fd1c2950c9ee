import { expect } from "vitest";
import { compileConfig } from "../../src/config/compile.ts";
import { resolve } from "../../src/config/resolve.ts";
import { type BreakerState, breakerRules, CLOSED_BREAKER, targetsByBreaker } from "../../src/core/breaker.ts";
import type { Overlay } from "../../src/core/config.ts";
import type { SharedState } from "../../src/core/ports.ts";
import type { WideEvent } from "../../src/core/wide-event.ts";
import { BreakerView } from "../../src/routing/breaker-view.ts";
import { LoadView } from "../../src/routing/load-view.ts";
import { routeLevels } from "../../src/routing/route-levels.ts";
import { levelGauges } from "../../src/stages/level-gauges.ts";
import { begin, NOW, type PlayedRequest } from "./pipeline.ts";

const CONFIG = `
backends:
  home: &backend
    formats: [openai-chat]
    baseUrl: {url: "http://127.0.0.1:2"}
    breaker: {failures: 1, probes: 1, openMs: 10000, maxOpenMs: 10000}
    health: {}
    price: {inputPerMillion: 1, outputPerMillion: 1}
  little: *backend
  cloud: *backend
  seated:
    formats: [openai-chat]
    baseUrl: {url: "http://127.0.0.1:2"}
    price: {inputPerMillion: 1, outputPerMillion: 1}
    seats: {count: 1}
routes:
  chat:
    targets:
      - {name: large, backend: home, model: large}
      - {name: small, backend: little, model: small, weight: 0}
    cache: {mode: "on"}
    degradation: {reduced: {use: [small]}, emergency: {answer: "We are away."}, upAfterMs: 20000, errorRate: {minimum: 4}}
  mute:
    targets: [{backend: home, model: large}]
    maxAttempts: 1
    degradation: {emergency: {}, upAfterMs: 20000, errorRate: {minimum: 4}}
  crowded:
    targets: [{backend: seated, model: large}]
    degradation: {emergency: {answer: "We are away."}, upAfterMs: 20000, errorRate: {minimum: 4}}
  hushed:
    targets: [{backend: seated, model: large}]
    degradation: {emergency: {}, upAfterMs: 20000, errorRate: {minimum: 4}}
  kept:
    targets:
      - {name: large, backend: home, model: large}
      - {name: small, backend: little, model: small, weight: 0}
    rules: [{name: apart, when: {task: [apart]}, use: [large]}]
    cache: {mode: "on"}
    fallbacks: [{backend: cloud, model: spare}]
    degradation: {reduced: {use: [small]}}
  plain:
    targets: [{backend: home, model: large}]
    cache: {mode: "on"}
tiers:
  open: {}
defaultTier: open
`;

const compiled = compileConfig(CONFIG, "levels.yaml");
if (!compiled.ok) throw new Error(compiled.problems.map(({ text }) => text).join("\n"));
const base = compiled.config;

const answer = (model: string) => ({
  id: "chatcmpl-1",
  object: "chat.completion",
  created: 1,
  model,
  choices: [{ index: 0, message: { role: "assistant", content: `${model}.` }, finish_reason: "stop" }],
  usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 },
});

const AVAILABLE: ReadonlySet<string> = new Set(["home", "little", "cloud", "seated"]);

/** One isolate, with a clock that is set, a cache, and models that fail at will. */
export class Isolate {
  readonly fails = new Map<string, number>();
  readonly cache = new Map<string, string>();
  /** A limit stops whoever comes. */
  refuses = false;
  /** Whether there is a seat nowhere. */
  isFull: boolean = false;
  /** When there will be one, as the queue says. */
  freeInMs: number | undefined;
  /** What Redis says with each admission. */
  says: Partial<SharedState> = {};
  #now = NOW;
  readonly #clock = { now: () => this.#now };
  #config = resolve(base, undefined).config;
  readonly #breakers = new BreakerView(breakerRules(base), this.#clock.now);
  readonly #levels = routeLevels(this.#clock);
  readonly #loads = new LoadView();

  pass(ms: number): void {
    this.#now += ms;
  }

  /** What `/metrics` says of the levels, by route. */
  gauges(): Readonly<Record<string, number>> {
    const view = {
      config: () => this.#config,
      clock: this.#clock,
      availableBackends: AVAILABLE,
      routeLevels: this.#levels,
    };
    const breakers = new Map(
      [...targetsByBreaker(this.#config).keys()].map((name) => [name, this.#breakers.state(name)]),
    );
    const gauges = Object.entries(levelGauges(view, breakers, this.says.loads ?? {}));
    return Object.fromEntries(gauges.map(([field, level]) => [field.split("|")[1], level]));
  }

  publish(overlay: Overlay): void {
    this.#config = resolve(base, overlay).config;
  }

  async ask(alias: string, request: Partial<PlayedRequest> = {}) {
    const models: string[] = [];
    let event: WideEvent | undefined;
    let written = false;
    const playing = begin(
      { caller: "openai-chat", backend: "openai-chat", alias, stream: false, ...request },
      ({ request: { body } }) => {
        const { model } = JSON.parse(body);
        models.push(model);
        const status = this.fails.get(model);
        return status === undefined ? Response.json(answer(model)) : new Response("{}", { status });
      },
      {
        clock: this.#clock,
        config: () => this.#config,
        availableBackends: AVAILABLE,
        seats: {
          take: () => ({
            outcome: Promise.resolve(
              this.isFull
                ? {
                    kind: "refused",
                    why: "full",
                    ...(this.freeInMs !== undefined && { retryAfterMs: this.freeInMs }),
                  }
                : { kind: "unavailable", detail: "connect" },
            ),
            leave: () => undefined,
          }),
          suspect: () => undefined,
        },
        breakers: this.#breakers,
        loads: this.#loads,
        routeLevels: this.#levels,
        admission: {
          admit: async ({ cacheKey = "" }) => {
            if (this.refuses) return { kind: "refused", ioMs: 0, unit: "requests", level: "key", rate: {} };
            const cached = this.cache.get(cacheKey);
            const shared = { breakers: {}, ...this.says };
            return { kind: "admitted", ioMs: 0, rate: {}, shared, ...(cached !== undefined && { cached }) };
          },
          settle: async ({ cacheWrite, ...settlement }) => {
            event = settlement.event;
            written = cacheWrite !== undefined;
            if (cacheWrite) this.cache.set(cacheWrite.key, cacheWrite.value);
            return { kind: "settled", ioMs: 0 };
          },
        },
      },
    );
    const { status, headers, body } = await playing.reply;
    const text = typeof body === "string" ? body : await new Response(body).text();
    await playing.settled();
    if (!event) throw new Error("nothing was settled");
    const degraded = headers["x-gateway-degraded"];
    const said = event.decisions.filter(({ step }) => step === "degrade").map((one) => [one.decision, one.reason]);
    return { status, headers, text, models, event, written, degraded, said };
  }
}

/** The large model is broken, and its breaker open. */
export async function withoutLarge(): Promise<Isolate> {
  const isolate = new Isolate();
  isolate.fails.set("large", 500);
  expect((await isolate.ask("chat", { says: "First." })).models).toEqual(["large"]);
  return isolate;
}

/** All that the route has is broken. */
export async function withoutAny(): Promise<Isolate> {
  const isolate = await withoutLarge();
  isolate.fails.set("small", 500);
  expect((await isolate.ask("chat", { says: "Second." })).models).toEqual(["small"]);
  return isolate;
}

export const other = (says: string, more: Partial<PlayedRequest> = {}) => ({ says, ...more });

/** What Redis says to the request that may make the one probe of `home/large`. */
export const PROBE: Pick<SharedState, "breakers" | "probes"> = {
  breakers: { "home/large": { ...CLOSED_BREAKER, failures: 1, openUntil: NOW, openMs: 10_000 } satisfies BreakerState },
  probes: ["home/large"],
};
