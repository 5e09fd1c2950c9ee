import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type SimulatedBackend, startBackend } from "../../../dev/backends/backend.ts";
import { parseOptions } from "../../../dev/backends/options.ts";
import { compileConfig } from "../../../src/config/compile.ts";
import { type BackendLoad, parseLoad } from "../../../src/core/load.ts";
import { parseSeatsLoad, type SeatsLoad } from "../../../src/core/seats-load.ts";
import { type SeatsWorker, say, startSeatsWorker, until } from "../../support/seats-worker.ts";

/** The real Worker on workerd, simulated vLLMs, and a Redis that writes down what it is told. */
let worker: SeatsWorker;
let vllm: SimulatedBackend;
/** One that others use as well: it serves four at once, and two more wait. */
let shared: SimulatedBackend;
let redis: Server;
/** In order, as they came. */
const told: { readonly backend: string; readonly load: BackendLoad | undefined; readonly ttlMs: number }[] = [];
const standings: (SeatsLoad | undefined)[] = [];
const EVERY_MS = 1_000;

const backendText = (env: string) => `
    formats: [openai-chat]
    baseUrl: {env: ${env}}
    price: {inputPerMillion: 0, outputPerMillion: 0}`;
const CONFIG = `
backends:
  home:${backendText("HOME_URL")}
    health: {everyMs: ${EVERY_MS}}
  shared:${backendText("SHARED_URL")}
    health: {everyMs: ${EVERY_MS}}
    seats: {count: 4}
  steady:${backendText("SHARED_URL")}
    health: {everyMs: ${EVERY_MS}, limitSeats: false}
    seats: {count: 4}
  away:${backendText("AWAY_URL")}
    health: {everyMs: ${EVERY_MS}}
  plain:${backendText("HOME_URL")}
routes:
  chat: {targets: [{backend: home, model: m}, {backend: away, model: m}, {backend: shared, model: m}, {backend: steady, model: m}, {backend: plain, model: m}]}
tiers: {free: {}}
defaultTier: free
`;

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return text;
}

beforeAll(async () => {
  vllm = await startBackend(parseOptions([]));
  shared = await startBackend(parseOptions(["--max-num-seqs", "4", "--ttft-ms", "1"]));
  redis = createServer(async (request, response) => {
    const calls: string[][] = JSON.parse(await textOf(request));
    for (const [, key = "", value, , ttl] of calls) {
      const [kind, backend = ""] = key.split(":");
      if (kind === "load") told.push({ backend, load: parseLoad(value), ttlMs: Number(ttl) });
      else standings.push(parseSeatsLoad(value));
    }
    response.end(JSON.stringify(calls.map(() => ({ result: "OK" }))));
  });
  await new Promise<void>((resolve) => redis.listen(0, "127.0.0.1", resolve));
  const compiled = compileConfig(CONFIG, "health.yaml");
  if (!compiled.ok) throw new Error(compiled.problems.map(({ text }) => text).join("\n"));
  const env = {
    UPSTASH_REDIS_REST_URL: `http://127.0.0.1:${(redis.address() as AddressInfo).port}`,
    UPSTASH_REDIS_REST_TOKEN: "token",
    HOME_URL: vllm.url,
    SHARED_URL: shared.url,
    // Nobody listens there.
    AWAY_URL: "http://127.0.0.1:1/v1",
  };
  worker = await startSeatsWorker(env, compiled.config);
});
afterAll(async () => {
  await worker?.stop();
  await vllm?.close();
  await shared?.close();
  redis?.close();
});

/** As its cron does. */
const poll = async (backend: string) => (await worker.poll(backend)) as { readonly load?: BackendLoad };
const of = (backend: string) => told.filter((one) => one.backend === backend);

// planted: the load is told to nobody
it("asks a vLLM how it is, and tells Redis", async () => {
  const { load } = await poll("home");
  expect(load).toMatchObject({ up: true, running: 0, waiting: 0, kvCache: 0 });
  if (!load) throw new Error("nothing was read");
  expect(of("home")).toEqual([{ backend: "home", load, ttlMs: load.freshUntil - load.readAt }]);
  expect(of("home")[0]?.ttlMs).toBeGreaterThanOrEqual(EVERY_MS + 12_000);
  // Once a second at most, however often it is told to.
  await Promise.all([poll("home"), poll("home")]);
  expect(of("home")).toHaveLength(1);
});

// planted: no alarm
it("asks one that is down until it is not, though nobody comes", async () => {
  expect((await poll("away")).load).toMatchObject({ up: false });
  for (let waited = 0; of("away").length < 3 && waited < 100; waited++) await pause(100);
  expect(of("away").length).toBeGreaterThanOrEqual(3);
  expect(of("away").every(({ load }) => load?.up === false)).toBe(true);
  expect(of("home")).toHaveLength(1);
});

// planted: evidence asks nobody; it is waited for
it("asks at once on evidence, while whoever brings it goes on", async () => {
  const before = of("home").length;
  await pause(1_000);
  const url = `${worker.url()}/home`;
  const replies = await Promise.all([0, 1].map(() => fetch(url, { headers: { "x-poll": "evidence" } })));
  expect(replies.map(({ status }) => status)).toEqual([204, 204]);
  for (let waited = 0; of("home").length === before && waited < 100; waited++) await pause(20);
  await pause(100);
  expect(of("home")).toHaveLength(before + 1);
});

it("leaves those alone that the configuration does not name", async () => {
  expect(await poll("plain")).not.toHaveProperty("load");
  expect(await poll("unknown")).not.toHaveProperty("load");
  expect([of("plain"), of("unknown")]).toEqual([[], []]);
});

// planted: what was read is told to Redis and not to the desk; the switch not looked at; the seats not written
it("gives fewer seats while others use the GPU, and all of them again when they have gone", async () => {
  const rules = { count: 4, queue: 5, lowerShare: 0.1, coldAfterMs: 60_000 };
  const first = await worker.sit("shared", { rules });
  await until(() => first.said().includes('"seated":true'));
  say(first.socket, "answered");
  const others = await Promise.all([1, 2, 3].map(() => worker.sit("shared", { rules })));
  await until(async () => (await worker.state("shared")).taken === 4);
  expect(await worker.state("shared")).toMatchObject({ count: 4, limit: 4 });
  // Six of somebody else's, of which two find no room.
  const away = new AbortController();
  const body = JSON.stringify({
    model: "simulated-small",
    stream: true,
    max_tokens: 4_000,
    messages: [{ role: "user", content: "[[sim:tokens=4000]] [[sim:tps=10]]" }],
  });
  const strangers = Array.from({ length: 6 }, () =>
    fetch(`${shared.url}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
      signal: away.signal,
    }).catch(() => undefined),
  );
  await until(async () => (await worker.state("shared")).limit === 2);
  const steady = await worker.sit("steady", { rules });
  expect((await poll("steady")).load).toMatchObject({ waiting: 2, kvCache: 1 });
  expect(await worker.state("steady")).toMatchObject({ count: 4, limit: 4 });
  steady.socket.destroy();
  const next = await worker.sit("shared", { rules, rank: 10 });
  await until(() => standings.some((one) => one?.limit === 2 && one.taken === 4 && one.waiting["10"] === 1));
  for (const { socket } of others.slice(0, 2)) socket.destroy();
  await until(async () => (await worker.state("shared")).taken === 2);
  expect(next.said()).not.toContain("seated");
  away.abort();
  await Promise.all(strangers);
  await until(() => next.said().includes("seated"));
  await until(async () => (await worker.state("shared")).limit === 4);
  await until(() => standings.at(-1)?.limit === 4);
  expect(standings.at(-1)).toEqual({ count: 4, limit: 4, taken: 3, waiting: { "0": 0, "10": 0 } });
  for (const { socket } of [first, next, ...others]) socket.destroy();
});
