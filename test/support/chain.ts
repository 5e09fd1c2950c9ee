import { compileConfig } from "../../src/config/compile.ts";
import { resolve } from "../../src/config/resolve.ts";
import type { Config } from "../../src/core/config.ts";
import type { Failure } from "../../src/core/failure.ts";
import { fail, ok, type Result } from "../../src/core/result.ts";
import type { Gateway } from "../../src/stages/gateway.ts";
import { NOW, type PlayedRequest, play } from "./pipeline.ts";

/** Several backends behind the real pipeline, each of which does what it is told: chains, retries and hedges are played with it. */
export type Behaviour = (signal: AbortSignal, call: number) => Promise<Result<Response>>;

const encoder = new TextEncoder();

export function waited(ms: number, signal?: AbortSignal): Promise<boolean> {
  return new Promise((done) => {
    if (signal?.aborted) return done(false);
    const timer = setTimeout(() => done(true), ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      done(false);
    });
  });
}

const frame = (delta: unknown, finish: string | null = null) =>
  `data: ${JSON.stringify({ id: "c1", object: "chat.completion.chunk", created: 1, model: "m", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;

/** A stream of these pieces of text, the first after `ttftMs`; the headers come at once. */
function stream(signal: AbortSignal, ttftMs: number, pieces: readonly string[]): Response {
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      if (!(await waited(ttftMs, signal))) return controller.error(new Error("aborted"));
      for (const piece of pieces) controller.enqueue(encoder.encode(piece));
      controller.close();
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

const json = (status: number, body: unknown, headers = {}) =>
  new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json", ...headers } });

/** Answers with its own name. */
export const answers =
  (text: string, ttftMs = 0): Behaviour =>
  async (signal) =>
    ok(
      stream(signal, ttftMs, [
        frame({ role: "assistant" }),
        frame({ content: text }),
        frame({}, "stop"),
        "data: [DONE]\n\n",
      ]),
    );

/** The filter's finish, and no word before it. */
export const filters: Behaviour = async (signal) =>
  ok(stream(signal, 0, [frame({ role: "assistant", content: "" }), frame({}, "content_filter"), "data: [DONE]\n\n"]));

/** The same as a JSON answer. */
export const filtersWhole: Behaviour = async () =>
  ok(
    json(200, {
      id: "c1",
      object: "chat.completion",
      created: 1,
      model: "m",
      choices: [{ index: 0, message: { role: "assistant", content: null }, finish_reason: "content_filter" }],
      usage: { prompt_tokens: 5, completion_tokens: 0, total_tokens: 5 },
    }),
  );

/** Half a JSON answer. */
export const breaksOff: Behaviour = async () =>
  ok(
    new Response(`{"choices": [{"message": {"content": "${"word ".repeat(200)}`, {
      headers: { "content-type": "application/json" },
    }),
  );

export const says =
  (status: number, error: unknown, headers = {}): Behaviour =>
  async () =>
    ok(json(status, { error }, headers));

export const saysHtml =
  (status: number): Behaviour =>
  async () =>
    ok(new Response("<html></html>", { status, headers: { "content-type": "text/html" } }));

export const errorFrame: Behaviour = async (signal) =>
  ok(stream(signal, 0, [`data: ${JSON.stringify({ error: { message: "oops", code: "server_error" } })}\n\n`]));

export const refuses: Behaviour = async () => fail(unreached("connect"));

/** No headers, until it is stopped. */
export const hangs: Behaviour = async (signal) => {
  await waited(20_000, signal);
  return fail(unreached("aborted"));
};

/** Headers at once, and no token. */
export const dawdles: Behaviour = async (signal) => ok(stream(signal, 20_000, []));

const unreached = (detail: string): Failure => ({
  type: "backend_unavailable",
  message: "",
  retryAfterMs: 5_000,
  detail,
});

export const contextError = says(400, { message: "too long", code: "context_length_exceeded" });

export const BACKENDS = `
backends:
  a: &plain
    formats: [openai-chat]
    baseUrl: {url: "http://127.0.0.1:2"}
    collectJson: always
    deadlines: &quick {connectMs: 150, firstTokenMs: 300, silenceMs: 2000, totalMs: 20000}
    price: {inputPerMillion: 1, outputPerMillion: 2}
    models: {small: {contextTokens: 8000}, large: {contextTokens: 64000}}
  b: *plain
  c: *plain
  d: *plain
  # Asked for JSON where the caller wants JSON.
  json:
    formats: [openai-chat]
    baseUrl: {url: "http://127.0.0.1:2"}
    collectJson: never
    deadlines: *quick
    price: {inputPerMillion: 1, outputPerMillion: 2}
  # The same as long as nobody follows: the default.
  hosted: &hosted
    formats: [openai-chat, openai-embeddings]
    baseUrl: {url: "http://127.0.0.1:2"}
    deadlines: *quick
    price: {inputPerMillion: 1, outputPerMillion: 2}
  spare: *hosted
tiers: {open: {}}
defaultTier: open
`;

export function configOf(routes: string): Config {
  const compiled = compileConfig(`${BACKENDS}routes:\n${routes}`, "chain.yaml");
  if (!compiled.ok) throw new Error(compiled.problems.map(({ text }) => text).join("\n"));
  return resolve(compiled.config, undefined).config;
}

export type World = Readonly<Record<string, Behaviour>>;

/** One request through the real pipeline, which never costs more than was reserved. `asked` are the calls in their order; `steps` what dispatch decided. */
export async function ask(
  config: Config,
  world: World,
  request: Partial<PlayedRequest> = {},
  more: Partial<Gateway> = {},
) {
  const asked: string[] = [];
  const streamed: boolean[] = [];
  const stopped: string[] = [];
  const startedAt = Date.now();
  const played = await play(
    { caller: "openai-chat", backend: "openai-chat", alias: "chat", stream: true, ...request },
    () => Response.error(),
    {
      config: () => config,
      clock: { now: () => NOW + Date.now() - startedAt },
      availableBackends: new Set(Object.keys(config.backends)),
      chance: { random: () => 0, requestId: () => "req_PLAYED", hex: (bytes) => "0f".repeat(bytes) },
      transport: {
        send: (call, signal) => {
          const { name } = call.backend;
          asked.push(name);
          streamed.push(call.stream);
          signal.addEventListener("abort", () => stopped.push(name));
          const behaviour = world[name];
          if (!behaviour) throw new Error(`${name} was not to be asked`);
          return behaviour(signal, asked.filter((one) => one === name).length);
        },
      },
      ...more,
    },
  );
  const { costNanoUsd, reservedNanoUsd } = played.event;
  if (costNanoUsd > reservedNanoUsd) throw new Error(`cost ${costNanoUsd}, reserved were ${reservedNanoUsd}`);
  const decided = (step: string) =>
    played.event.decisions
      .filter((decision) => decision.step === step)
      .map(({ decision, reason }) => `${decision} ${reason ?? ""}`.trim());
  return {
    ...played,
    asked,
    /** Whether each was asked for a stream. */
    streamed,
    stopped,
    tookMs: Date.now() - startedAt,
    steps: decided("dispatch"),
    plan: decided("plan"),
    attempts: played.event.attempts.map(({ backend, kind, outcome }) => `${backend} ${kind ?? "attempt"} ${outcome}`),
  };
}

/** A route `chat` from `a` to `b`, whose first backend is asked how it is; and the same where nobody asks. */
export function watchedChain(): { readonly watched: Config; readonly bare: Config } {
  const bare = configOf(`
  chat:
    targets: [{backend: a, model: small}]
    fallbacks: [{backend: b, model: large}]
`);
  const { a } = bare.backends;
  if (!a) throw new Error("no backend a");
  const health = { everyMs: 15_000, maxWaiting: 8, maxKvCache: 0.95 };
  return { bare, watched: { ...bare, backends: { ...bare.backends, a: { ...a, health } } } };
}
