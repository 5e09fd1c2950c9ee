import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { build } from "esbuild";
import { type Child, startChild } from "../../dev/child.ts";
import { startGuard } from "../../dev/guard-handle.ts";
import { type ListenReport, seatsPlan } from "../../dev/workerd.ts";
import type { BaseConfig } from "../../src/core/config.ts";
import type { Ask } from "../../workers/seats/src/words.ts";

interface State {
  readonly taken: number;
  readonly waiting: number;
  readonly limit: number;
}

/** The real seats Worker and its Durable Objects on workerd, reached past the gateway. */
export interface SeatsWorker {
  readonly process: Child<ListenReport>;
  readonly url: () => string;
  /** How the desk of a backend stands. */
  state(backend: string): Promise<State>;
  /** As its cron does: the desk asks the backend how it is. */
  poll(backend: string): Promise<unknown>;
  /** A gateway's socket, by hand: node's own WebSocket sends no headers. */
  sit(backend: string, more?: Partial<Ask>): Promise<{ readonly socket: Socket; readonly said: () => string }>;
  stop(): Promise<void>;
}

/** `base`: the configuration that it is built with; absent: the project's own. */
export async function startSeatsWorker(
  env: Readonly<Record<string, string>> = {},
  base?: BaseConfig,
): Promise<SeatsWorker> {
  const folder = mkdtempSync(join(tmpdir(), "seats-worker-"));
  const guard = startGuard();
  const directory = join(folder, "code");
  await build({
    entryPoints: [join(import.meta.dirname, "../../workers/seats/src/index.ts")],
    outfile: join(directory, "index.js"),
    bundle: true,
    format: "esm",
    conditions: ["workerd", "worker", "browser"],
    logLevel: "error",
    plugins: base
      ? [
          {
            name: "base",
            setup: ({ onLoad }) =>
              onLoad({ filter: /base\.generated\.json$/ }, () => ({ contents: JSON.stringify(base), loader: "json" })),
          },
        ]
      : [],
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
  const logFile = join(runDir, "log");
  const host = { name: "seats", worker: { directory, ...manifest }, env, runDir, logFile, port: 0 };
  const child = await startChild(seatsPlan(host), { guard, restart: true });
  const url = () => `http://127.0.0.1:${child.ready.port}`;
  let made = 0;
  return {
    process: child,
    url,
    state: async (backend) => (await (await fetch(`${url()}/${backend}`)).json()) as State,
    poll: async (backend) => (await fetch(`${url()}/${backend}`, { headers: { "x-poll": "cron" } })).json(),
    sit(backend, more = {}) {
      const rules = { count: 1, queue: 5, lowerShare: 0.1, coldAfterMs: 60_000 };
      const timing = { patienceMs: 20_000, waitedMs: 0, leaseMs: 60_000 };
      const ask: Ask = { id: `r${++made}`, tenant: "a", rank: 0, seats: 1, sits: false, rules, ...timing, ...more };
      return openSocket(`${url()}/${backend}`, ask);
    },
    async stop() {
      await child.stop();
      await guard.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function openSocket(url: string, ask: Ask): Promise<{ socket: Socket; said: () => string }> {
  const opening = request(url, {
    headers: {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
      "x-seat": JSON.stringify(ask),
    },
  });
  let said = "";
  const socket = await new Promise<Socket>((resolve, reject) => {
    opening.once("upgrade", (_, opened: Socket, head) => {
      said += head.toString("latin1");
      opened.on("data", (piece: Buffer) => {
        said += piece.toString("latin1");
      });
      opened.on("error", () => undefined);
      resolve(opened);
    });
    opening.once("response", ({ statusCode }) => reject(new Error(`status ${statusCode}`)));
    opening.once("error", reject);
    opening.end();
  });
  return { socket, said: () => said };
}

/** Says a word as a gateway does: one masked text frame. */
export function say(socket: Socket, word: string): void {
  const text = Buffer.from(word);
  // The mask is all zeros, so the text stands as it is.
  socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), text]));
}

export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error("it never came");
    await pause(20);
  }
}
