import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Child, startChild } from "../../../dev/child.ts";
import { type Guard, startGuard } from "../../../dev/guard-handle.ts";
import type { WideEvent } from "../../../src/core/wide-event.ts";
import { readStream } from "../../support/caller.ts";
import type { PlayedRequest } from "../../support/pipeline.ts";

const CONFIG = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "gateway", worker = .gateway), (name = "stand-in", worker = .standIn)],
  sockets = [(name = "http", http = (), service = "gateway")],
);
const gateway :Workerd.Worker = (
  modules = [(name = "gateway.js", esModule = embed "gateway.js")],
  compatibilityDate = "2026-10-20",
  compatibilityFlags = ["nodejs_compat"],
  bindings = [(name = "AI", wrapped = (
    moduleName = "cloudflare-internal:ai-api",
    innerBindings = [(name = "fetcher", service = "stand-in")],
  ))],
);
const standIn :Workerd.Worker = (
  modules = [(name = "stand-in.js", esModule = embed "stand-in.js")],
  compatibilityDate = "2026-10-20",
);
`;

let folder: string;
let guard: Guard;
let worker: Child<{ readonly port: number }>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "workers-ai-"));
  guard = startGuard();
  await build({
    entryPoints: [join(import.meta.dirname, "gateway.ts")],
    outfile: join(folder, "gateway.js"),
    bundle: true,
    format: "esm",
    conditions: ["workerd", "worker", "browser"],
    external: ["node:*"],
    logLevel: "error",
  });
  copyFileSync(join(import.meta.dirname, "stand-in.js"), join(folder, "stand-in.js"));
  writeFileSync(join(folder, "workerd.capnp"), CONFIG);
  const command = (createRequire(import.meta.url)("workerd") as { readonly default: string }).default;
  worker = await startChild(
    {
      name: "workers-ai",
      command,
      args: () => [
        "serve",
        "--experimental",
        join(folder, "workerd.capnp"),
        "--socket-addr=http=127.0.0.1:0",
        "--control-fd=3",
      ],
      env: {},
      logFile: join(folder, "log"),
      readyOn: "descriptor 3",
      readReady: (line) => {
        const { event, port } = JSON.parse(line) as { event?: string; port?: number };
        return event === "listen" && port !== undefined ? { port } : undefined;
      },
      readyWithinMs: 20_000,
    },
    { guard, restart: false },
  );
});
afterAll(async () => {
  await worker?.stop();
  await guard?.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Told {
  readonly status: number;
  readonly body: string;
  readonly event: WideEvent;
}

async function ask(wish: Partial<PlayedRequest> = {}): Promise<Told> {
  const asked: PlayedRequest = { caller: "openai-chat", backend: "openai-chat", stream: false, ...wish };
  const response = await fetch(`http://127.0.0.1:${worker.ready.port}/`, {
    method: "POST",
    body: JSON.stringify(asked),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${text}\n${worker.log()}`);
  return JSON.parse(text) as Told;
}

// planted: the path with its slash given as the model
it("answers from the binding, in the caller's own format", async () => {
  const { status, body, event } = await ask();
  expect([status, JSON.parse(body).choices[0]]).toMatchObject([
    200,
    { message: { content: "@cf/stand-in Say it." }, finish_reason: "stop" },
  ]);
  expect(event).toMatchObject({ outcome: "completed", usage: { inputTokens: 4, outputTokens: 2 }, estimated: false });
  const anthropic = JSON.parse((await ask({ caller: "anthropic-messages", alias: "openai-chat" })).body);
  expect(anthropic).toMatchObject({
    content: [{ type: "text", text: "@cf/stand-in Say it." }],
    stop_reason: "end_turn",
  });
});

// planted: `[DONE]` that finishes nothing
it("streams; what breaks off before the end is told as an error", async () => {
  for (const caller of ["openai-chat", "anthropic-messages"] as const) {
    const { body, event } = await ask({ caller, alias: "openai-chat", stream: true });
    expect(readStream(caller, body)).toMatchObject({ text: "@cf/stand-in Say it.", finished: 1, closed: true });
    expect(event).toMatchObject({ outcome: "completed", usage: { outputTokens: 2 } });
  }
  const { body, event } = await ask({ alias: "cut", stream: true });
  expect(readStream("openai-chat", body)).toMatchObject({ finished: 0, error: expect.anything() });
  expect(event).toMatchObject({ outcome: "failed", failure: "backend_cut" });
});

// planted: `returnRawResponse` left out
it("reads the statuses of its errors", async () => {
  expect(await ask({ alias: "busy" })).toMatchObject({ status: 503, event: { failure: "backend_overloaded" } });
});

// planted: vectors left as numbers for a caller who asked for base64
it("gives vectors, packed where the caller asks for it as OpenAI's client does", async () => {
  const caller = "openai-embeddings" as never;
  const more = { input: ["ab", "c"], encoding_format: "base64" };
  const { status, body } = await ask({ caller, alias: "embed", more });
  expect(status).toBe(200);
  const floats = (JSON.parse(body).data as { embedding: string }[]).map(({ embedding }) => [
    ...new Float32Array(new Uint8Array(Buffer.from(embedding, "base64")).buffer),
  ]);
  expect(floats).toEqual([
    [2, 0.5],
    [1, 0.5],
  ]);
});

// planted: the score of each result lost; `top_k` left out; a count of 0 made up where none is told
it("ranks, in the words that callers of /rerank share, and books what it estimates as such", async () => {
  const body = { model: "rank", query: "a", documents: ["b", { text: "aa" }, "a"] };
  const ask3 = (more: object = {}) => ask({ asks: { wire: "rerank", body: { ...body, ...more } } });
  const { status, body: told, event } = await ask3();
  expect([status, JSON.parse(told)]).toEqual([
    200,
    {
      model: "@cf/ranks",
      results: [
        { index: 1, relevance_score: 2 },
        { index: 2, relevance_score: 1 },
        { index: 0, relevance_score: 0 },
      ],
    },
  ]);
  expect(event).toMatchObject({ operation: "rerank", outcome: "completed", estimated: true });
  expect(event.usage?.inputTokens).toBeGreaterThanOrEqual(6);
  const best = await ask3({ top_n: 1, return_documents: true });
  expect(JSON.parse(best.body).results).toEqual([{ index: 1, relevance_score: 2, document: { text: "aa" } }]);
  // No more can be ranked than there are.
  expect(await ask3({ top_n: 9 })).toMatchObject({ status: 200, body: expect.stringContaining('"index":0') });
  expect(await ask3({ documents: ["a", ""] })).toMatchObject({
    status: 400,
    body: expect.stringContaining("documents"),
  });
});
