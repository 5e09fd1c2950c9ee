import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type SimulatedBackend, startBackend } from "../../../dev/backends/backend.ts";
import { parseOptions } from "../../../dev/backends/options.ts";
import { type Child, startChild } from "../../../dev/child.ts";
import { type Guard, startGuard } from "../../../dev/guard-handle.ts";
import { type ListenReport, seatsPlan } from "../../../dev/workerd.ts";
import { compileConfig } from "../../../src/config/compile.ts";
import { type BackendLoad, parseLoad } from "../../../src/core/load.ts";

/** The real Worker on workerd, a simulated vLLM, and a Redis that writes down what it is told. */
let folder: string;
let guard: Guard;
let worker: Child<ListenReport>;
let vllm: SimulatedBackend;
let redis: Server;
/** In order, with when they came. */
const told: { readonly backend: string; readonly load: BackendLoad | undefined; readonly ttlMs: number }[] = [];
const EVERY_MS = 1_000;

const backendText = (env: string) => `
    formats: [openai-chat]
    baseUrl: {env: ${env}}
    price: {inputPerMillion: 0, outputPerMillion: 0}`;
const CONFIG = `
backends:
  home:${backendText("HOME_URL")}
    health: {everyMs: ${EVERY_MS}}
  away:${backendText("AWAY_URL")}
    health: {everyMs: ${EVERY_MS}}
  plain:${backendText("HOME_URL")}
routes:
  chat: {targets: [{backend: home, model: m}, {backend: away, model: m}, {backend: plain, model: m}]}
tiers: {free: {}}
defaultTier: free
`;

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return text;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "seats-health-"));
  guard = startGuard();
  vllm = await startBackend(parseOptions([]));
  redis = createServer(async (request, response) => {
    const calls: string[][] = JSON.parse(await textOf(request));
    for (const [, key = "", value, , ttl] of calls)
      told.push({ backend: key.replace("load:", ""), load: parseLoad(value), ttlMs: Number(ttl) });
    response.end(JSON.stringify(calls.map(() => ({ result: "OK" }))));
  });
  await new Promise<void>((resolve) => redis.listen(0, "127.0.0.1", resolve));
  const compiled = compileConfig(CONFIG, "health.yaml");
  if (!compiled.ok) throw new Error(compiled.problems.map(({ text }) => text).join("\n"));
  const base = JSON.stringify(compiled.config);
  const directory = join(folder, "code");
  await build({
    entryPoints: [join(import.meta.dirname, "../../../workers/seats/src/index.ts")],
    outfile: join(directory, "index.js"),
    bundle: true,
    format: "esm",
    conditions: ["workerd", "worker", "browser"],
    logLevel: "error",
    plugins: [
      {
        name: "base",
        setup: ({ onLoad }) => onLoad({ filter: /base\.generated\.json$/ }, () => ({ contents: base, loader: "json" })),
      },
    ],
  });
  const runDir = join(folder, "run");
  mkdirSync(runDir);
  const manifest = {
    compatibilityDate: "2026-10-20",
    compatibilityFlags: [],
    vars: {},
    consumes: [],
    crons: [],
    objects: [{ binding: "SEATS", className: "Seats" }],
  };
  const env = {
    UPSTASH_REDIS_REST_URL: `http://127.0.0.1:${(redis.address() as AddressInfo).port}`,
    UPSTASH_REDIS_REST_TOKEN: "token",
    HOME_URL: vllm.url,
    // Nobody listens there.
    AWAY_URL: "http://127.0.0.1:1/v1",
  };
  const logFile = join(runDir, "log");
  const host = { name: "seats", worker: { directory, ...manifest }, env, runDir, logFile, port: 0 };
  worker = await startChild(seatsPlan(host), { guard, restart: true });
});
afterAll(async () => {
  await worker?.stop();
  await guard?.close();
  await vllm?.close();
  redis?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** As its cron does. */
async function poll(backend: string) {
  const url = `http://127.0.0.1:${worker.ready.port}/${backend}`;
  return (await (await fetch(url, { headers: { "x-poll": "cron" } })).json()) as { readonly load?: BackendLoad };
}
const of = (backend: string) => told.filter((one) => one.backend === backend);

// planted: the load is told to nobody
it("asks a vLLM how it is, and tells Redis", async () => {
  const { load } = await poll("home");
  expect(load).toMatchObject({ up: true, running: 0, waiting: 0, kvCache: 0 });
  expect(of("home")).toEqual([{ backend: "home", load, ttlMs: 3 * EVERY_MS }]);
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

it("leaves those alone that the configuration does not name", async () => {
  expect(await poll("plain")).not.toHaveProperty("load");
  expect(await poll("unknown")).not.toHaveProperty("load");
  expect([of("plain"), of("unknown")]).toEqual([[], []]);
});
