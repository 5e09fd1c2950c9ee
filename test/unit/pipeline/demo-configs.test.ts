import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { compileConfig } from "../../../src/config/compile.ts";
import { resolve } from "../../../src/config/resolve.ts";
import { modelNameOf } from "../../../src/core/config.ts";
import type { LevelCharge, OutboundCall } from "../../../src/core/ports.ts";
import { begin, type PlayedRequest } from "../../support/pipeline.ts";

/** The same requests to each of the three configurations: what comes back says which one it is. */

function demo(name: string) {
  const file = `config/${name}.yaml`;
  const compiled = compileConfig(readFileSync(new URL(`../../../${file}`, import.meta.url), "utf8"), file);
  if (!compiled.ok) throw new Error(compiled.problems.map(({ text }) => text).join("\n"));
  const { config } = resolve(compiled.config, undefined);
  const cache = new Map<string, string>();
  /** One request of the alias `home`; `status`: what each backend answers in place of words. */
  return async (request: Partial<PlayedRequest> = {}, status?: number) => {
    let levels: readonly LevelCharge[] = [];
    const playing = begin(
      { caller: "openai-chat", backend: "openai-chat", alias: "home", stream: false, ...request },
      (call) => (status === undefined ? words(call) : new Response("{}", { status })),
      {
        config: () => config,
        availableBackends: new Set(Object.keys(config.backends)),
        admission: {
          admit: async (asked) => {
            levels = asked.levels;
            const cached = cache.get(asked.cacheKey ?? "");
            return { kind: "admitted", ioMs: 0, rate: {}, shared: { breakers: {} }, ...(cached && { cached }) };
          },
          settle: async ({ cacheWrite }) => {
            if (cacheWrite) cache.set(cacheWrite.key, cacheWrite.value);
            return { kind: "settled", ioMs: 0 };
          },
        },
      },
    );
    const { headers } = await playing.reply;
    await playing.settled();
    const sent = playing.calls.map(({ request: { body } }) => JSON.parse(body));
    return {
      asked: playing.calls.map(({ backend }, index) => `${backend.name}/${sent[index].model}`),
      cache: headers["x-gateway-cache"],
      route: headers["x-gateway-route"],
      cap: sent[0]?.max_tokens ?? sent[0]?.max_completion_tokens,
      perMinute: levels.find(({ level }) => level === "key")?.limits.requestsPerMinute,
    };
  };
}

/** A short answer in OpenAI's format, streamed where the gateway asked for that. */
function words({ stream, request }: OutboundCall): Response {
  const { model } = JSON.parse(request.body);
  const head = { id: "chatcmpl-1", created: 1, model };
  const usage = { prompt_tokens: 5, completion_tokens: 1, total_tokens: 6 };
  const message = { role: "assistant", content: "Yes." };
  if (!stream) {
    const choices = [{ index: 0, message, finish_reason: "stop" }];
    return Response.json({ ...head, object: "chat.completion", choices, usage });
  }
  const frames = [
    { ...head, object: "chat.completion.chunk", choices: [{ index: 0, delta: message, finish_reason: null }] },
    { ...head, object: "chat.completion.chunk", choices: [{ index: 0, delta: {}, finish_reason: "stop" }] },
    { ...head, object: "chat.completion.chunk", choices: [], usage },
  ];
  const text = [...frames.map((frame) => JSON.stringify(frame)), "[DONE]"].map((data) => `data: ${data}\n\n`).join("");
  return new Response(text, { headers: { "content-type": "text/event-stream" } });
}

const EXPECTED = {
  homelab: {
    whenAllFail: ["home/home", "openai/gpt-5.4-mini", "anthropic/claude-haiku-4-5"],
    whenFull: ["home/home", "openai/gpt-5.4-mini", "anthropic/claude-haiku-4-5"],
    plainTwice: ["BYPASS", "BYPASS"],
    sameTwice: ["MISS", "HIT"],
    route: "home",
    cap: 4096,
    perMinute: 20,
  },
  free: {
    whenAllFail: ["home/home", "openai/gpt-5.4-mini"],
    whenFull: ["home/home"],
    plainTwice: ["MISS", "HIT"],
    sameTwice: ["MISS", "HIT"],
    route: "home",
    cap: 1024,
    perMinute: 6,
  },
  premium: {
    whenAllFail: ["openai/gpt-5.4", "anthropic/claude-sonnet-4-6", "home/home"],
    whenFull: ["openai/gpt-5.4", "anthropic/claude-sonnet-4-6", "home/home"],
    plainTwice: ["BYPASS", "BYPASS"],
    sameTwice: ["BYPASS", "BYPASS"],
    route: "home;rule=hurry;by=only-target",
    cap: 16384,
    perMinute: 1200,
  },
} as const;

describe("the three configurations", () => {
  // planted: free without `cache`, with overload leading to the cloud; premium with home first, with a cache, without its rule; homelab's cap at free's
  it.each(Object.entries(EXPECTED))("%s is told by what it does with the same requests", async (name, expected) => {
    const ask = demo(name);
    const plain = [await ask({ says: "Plain." }), await ask({ says: "Plain." })];
    const more = { temperature: 0 };
    const same = [await ask({ says: "Same.", more }), await ask({ says: "Same.", more })];
    expect({
      whenAllFail: (await ask({ says: "Fails." }, 500)).asked,
      whenFull: (await ask({ says: "Full." }, 429)).asked,
      plainTwice: plain.map(({ cache }) => cache),
      sameTwice: same.map(({ cache }) => cache),
      route: (await ask({ says: "Quick.", controls: { task: "quick", cache: "off" } })).route,
      cap: plain[0]?.cap,
      perMinute: plain[0]?.perMinute,
    }).toEqual(expected);
  });

  // planted: an alias of one missing in another
  it("share the aliases that callers know", () => {
    for (const name of Object.keys(EXPECTED)) {
      const { routes } = compiledRoutes(name);
      expect(Object.keys(routes)).toEqual(
        expect.arrayContaining(["home", "home-embed", "home-complete", "home-rerank"]),
      );
      // Vectors and ranks of one alias are of one model everywhere.
      expect(["home-embed", "home-rerank"].map((alias) => routes[alias]?.targets.map(modelNameOf))).toEqual([
        ["BAAI/bge-m3"],
        ["BAAI/bge-reranker-v2-m3"],
      ]);
    }
  });
});

function compiledRoutes(name: string) {
  const compiled = compileConfig(readFileSync(new URL(`../../../config/${name}.yaml`, import.meta.url), "utf8"), name);
  if (!compiled.ok) throw new Error(compiled.problems.map(({ text }) => text).join("\n"));
  return compiled.config;
}
