import { compileConfig } from "../../src/config/compile.ts";
import { resolve } from "../../src/config/resolve.ts";
import type { Config } from "../../src/core/config.ts";
import type { Controls, Received, Reply } from "../../src/core/exchange.ts";
import type { Principal } from "../../src/core/identity.ts";
import type { OutboundCall, Settlement } from "../../src/core/ports.ts";
import { ok } from "../../src/core/result.ts";
import type { WideEvent } from "../../src/core/wide-event.ts";
import type { WireName } from "../../src/core/wire.ts";
import { runtimeAlarm } from "../../src/lib/alarm.ts";
import { departure } from "../../src/lib/departure.ts";
import { run } from "../../src/pipeline.ts";
import { policies } from "../../src/policies/registry.ts";
import { BreakerView } from "../../src/routing/breaker-view.ts";
import { LoadView } from "../../src/routing/load-view.ts";
import { RetryBudget } from "../../src/routing/retry-budget.ts";
import { routeLevels } from "../../src/routing/route-levels.ts";
import type { Gateway } from "../../src/stages/gateway.ts";
import { principalCache } from "../../src/stores/isolate/principals.ts";
import { refusalTally } from "../../src/stores/isolate/refusals.ts";
import { speedometer } from "../../src/stores/isolate/speeds.ts";
import { strangerList } from "../../src/stores/isolate/strangers.ts";
import { wires } from "../../src/wire/registry.ts";
import { type AnyFormat, chatRequest } from "./caller.ts";

/**
 * The whole pipeline in this process: every stage, wire and policy is the real one. What stands outside of it is played: a transport that
 * answers from bytes, an admission store that admits everything and keeps what was settled, a clock and a chance that stand still.
 */
const CONFIG = `
backends:
  openai:
    formats: [openai-chat, openai-completions, rerank, vllm-tokenize]
    baseUrl: {url: "http://127.0.0.1:2"}
    collectJson: always
    deadlines: &deadlines {connectMs: 2000, firstTokenMs: 2000, silenceMs: 2000, totalMs: 60000}
    price: &price {inputPerMillion: 1, outputPerMillion: 2}
  claude:
    formats: [anthropic-messages, anthropic-count-tokens]
    baseUrl: {url: "http://127.0.0.1:2"}
    collectJson: always
    deadlines: *deadlines
    price: *price
  responses:
    formats: [openai-responses]
    baseUrl: {url: "http://127.0.0.1:2"}
    collectJson: always
    deadlines: *deadlines
    price: *price
routes:
  openai-chat:
    targets: [{backend: openai, model: played}]
    cache: {mode: "on", ttlSeconds: 60}
  anthropic-messages:
    targets: [{backend: claude, model: played}]
    cache: {mode: "on", ttlSeconds: 60}
  openai-responses:
    targets: [{backend: responses, model: played}]
    cache: {mode: "on", ttlSeconds: 60}
  openai-completions:
    operation: complete
    targets: [{backend: openai, model: played}]
    cache: {mode: "on", ttlSeconds: 60}
  rerank:
    operation: rerank
    targets: [{backend: openai, model: played}]
  exact:
    targets: [{backend: openai, model: played}]
    exactTokens: true
  uncounted:
    targets: [{backend: responses, model: played}]
  spare:
    targets: [{backend: openai, model: played}]
    fallbacks: [{backend: claude, model: played}]
  weighted:
    targets: [{backend: openai, model: played, weight: 1}, {backend: claude, model: played, weight: 1}]
    cache: {mode: "on", ttlSeconds: 60}
  drained:
    targets: [{backend: openai, model: played}]
    cache: {mode: "on", ttlSeconds: 60}
    cancelOnDisconnect: false
tiers:
  open: {}
defaultTier: open
`;

const TOKEN = "played";
export const NOW = Date.UTC(2026, 10, 21, 12);

const principal: Principal = {
  tenant: "played",
  keyId: "playedplayedplay",
  tier: "open",
  scopes: new Set(["inference"]),
  keyVersion: 1,
  corsOrigins: [],
  snapshotAt: NOW,
};

export interface Played {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly settlements: readonly Settlement[];
  /** Of the first settlement. */
  readonly event: WideEvent;
  /** Thrown errors that were reported. */
  readonly bugs: readonly unknown[];
  /** Calls that reached the backend. */
  readonly calls: readonly OutboundCall[];
}

export interface PlayedRequest {
  readonly caller: AnyFormat;
  /** The format of the backend that answers; also the alias. */
  readonly backend: AnyFormat;
  /** Another alias of that backend. */
  readonly alias?: string;
  readonly stream: boolean;
  readonly noFallback?: boolean;
  readonly requestId?: string;
  readonly controls?: Partial<Controls>;
  /** The prompt; `Say it.` where it is absent. */
  readonly says?: string;
  readonly more?: Readonly<Record<string, unknown>>;
  /** Another operation's request, whole, in place of what `caller` would ask. */
  readonly asks?: { readonly wire: WireName; readonly body: Readonly<Record<string, unknown>> };
}

export type Answering = (call: OutboundCall, signal: AbortSignal) => Response;

function config(): Config {
  const compiled = compileConfig(CONFIG, "played.yaml");
  if (!compiled.ok) throw new Error(compiled.problems.map(({ text }) => text).join("\n"));
  return resolve(compiled.config, undefined).config;
}

export const PLAYED_CONFIG = config();

interface Recorder {
  readonly settlements: Settlement[];
  readonly bugs: unknown[];
  readonly calls: OutboundCall[];
}

export function playedGateway(answering: Answering, recorder: Recorder, more: Partial<Gateway> = {}): Gateway {
  const clock = { now: () => NOW };
  const principals = principalCache(1);
  principals.set(TOKEN, principal);
  return {
    clock,
    chance: { random: () => 0.5, requestId: () => "req_PLAYED", hex: (bytes) => "0f".repeat(bytes) },
    config: () => PLAYED_CONFIG,
    noticeOverlay: () => undefined,
    availableBackends: new Set(Object.keys(PLAYED_CONFIG.backends)),
    keys: { load: async () => ({ kind: "unknown" }) },
    principals,
    verifySecret: async () => false,
    strangers: strangerList(1),
    addressGuard: { allow: async () => ({ allowed: true, retryAfterMs: 0 }) },
    admission: {
      admit: async () => ({ kind: "admitted", ioMs: 0, rate: {}, shared: { breakers: {} } }),
      settle: async (settlement) => {
        recorder.settlements.push(settlement);
        return { kind: "settled", ioMs: 0 };
      },
    },
    probes: { claim: async () => ({ kind: "mine" }), answer: async () => undefined },
    keptAnswers: { find: async () => ({ kind: "unknown" }), remove: async () => ({ kind: "unknown" }) },
    localLimits: { take: () => ({ allowed: true, retryAfterMs: 0 }) },
    refusals: refusalTally(1),
    budgets: { seed: async () => false },
    breakers: new BreakerView(() => undefined, clock.now),
    loads: new LoadView(),
    speeds: speedometer(clock),
    retries: new RetryBudget(),
    routeLevels: routeLevels(clock),
    policies,
    transport: {
      send: async (call, signal) => {
        recorder.calls.push(call);
        return ok(answering(call, signal));
      },
    },
    enqueue: () => undefined,
    log: () => undefined,
    reportBug: (bug) => recorder.bugs.push(bug),
    hashEndUser: async () => "",
    cacheSalt: (tenant) => `salt of ${tenant}`,
    ...more,
  };
}

const encoder = new TextEncoder();
const requests = new Map<string, Uint8Array>();

/** The bytes of a request; made once for each kind. */
function bytesOf(request: PlayedRequest): Uint8Array {
  const key = JSON.stringify(request);
  const known = requests.get(key);
  if (known) return known;
  const body =
    request.asks?.body ??
    chatRequest(
      request.caller,
      request.alias ?? request.backend,
      request.says ?? "Say it.",
      request.stream,
      request.more,
    ).body;
  const bytes = encoder.encode(JSON.stringify(body));
  requests.set(key, bytes);
  return bytes;
}

/** A request under way. */
export interface Playing extends Recorder {
  readonly reply: Promise<Reply>;
  /** The client leaves, as the connection tells it. */
  leave(): void;
  /** Resolves when everything that was to be waited for is over. */
  settled(): Promise<void>;
}

export function begin(
  request: PlayedRequest,
  answering: Answering,
  more: Partial<Gateway> = {},
  token: string = TOKEN,
): Playing {
  const recorder: Recorder = { settlements: [], bugs: [], calls: [] };
  const waiting: Promise<unknown>[] = [];
  const leaving = departure();
  const received: Received = {
    requestId: request.requestId ?? "req_PLAYED",
    receivedAt: NOW,
    wire: wires[request.asks?.wire ?? request.caller],
    bytes: bytesOf(request),
    credentials: { bearer: token, address: "test" },
    controls: { noFallback: request.noFallback ?? false, debugTranslation: false, ...request.controls },
    trace: { traceId: "0".repeat(32), spanId: "0".repeat(16), sampled: false },
    departure: leaving,
    alarm: runtimeAlarm,
    waitUntil: (promise) => waiting.push(promise),
    notes: { decisions: [], translations: [], attempts: [], attemptsBegun: 0 },
  };
  return {
    ...recorder,
    reply: run(received, playedGateway(answering, recorder, more)),
    leave: () => leaving.leave(),
    async settled() {
      for (let settled = -1; settled < waiting.length; ) {
        settled = waiting.length;
        await Promise.all(waiting);
      }
    },
  };
}

/** Runs one request to its settlement. */
export async function play(request: PlayedRequest, answering: Answering, more: Partial<Gateway> = {}): Promise<Played> {
  const { settlements, bugs, calls, ...playing } = begin(request, answering, more);
  const reply = await playing.reply;
  const body = typeof reply.body === "string" ? reply.body : await textOf(reply.body);
  await playing.settled();
  const [first] = settlements;
  if (!first) throw new Error(`nothing was settled: ${reply.status} ${body}`);
  return { status: reply.status, headers: reply.headers, body, event: first.event, settlements, bugs, calls };
}

async function textOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const reader = stream.getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    text += decoder.decode(value, { stream: true });
  }
}

/** An event stream of these chunks that ends properly (`fin`) or breaks off (`reset`). */
export function eventStream(chunks: readonly Uint8Array[], ending: "fin" | "reset"): Response {
  let at = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const chunk = chunks[at++];
        if (chunk) controller.enqueue(chunk);
        else if (ending === "fin") controller.close();
        else controller.error(new Error("connection reset by a test"));
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}
