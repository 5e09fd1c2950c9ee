import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Child, startChild } from "../../../dev/child.ts";
import { type Guard, startGuard } from "../../../dev/guard-handle.ts";
import { type ListenReport, seatsPlan } from "../../../dev/workerd.ts";
import type { Ask } from "../../../workers/seats/src/words.ts";

/** The real Worker and its Durable Object on workerd. */
let folder: string;
let guard: Guard;
let worker: Child<ListenReport>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "seats-worker-"));
  guard = startGuard();
  const directory = join(folder, "code");
  await build({
    entryPoints: [join(import.meta.dirname, "../../../workers/seats/src/index.ts")],
    outfile: join(directory, "index.js"),
    bundle: true,
    format: "esm",
    conditions: ["workerd", "worker", "browser"],
    logLevel: "error",
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
  const host = {
    name: "seats",
    worker: { directory, ...manifest },
    env: {},
    runDir,
    logFile: join(runDir, "log"),
    port: 0,
  };
  worker = await startChild(seatsPlan(host), { guard, restart: true });
});
afterAll(async () => {
  await worker?.stop();
  await guard?.close();
  rmSync(folder, { recursive: true, force: true });
});

const base = () => `http://127.0.0.1:${worker.ready.port}`;
async function stateOf(backend: string) {
  return (await (await fetch(`${base()}/${backend}`)).json()) as { readonly taken: number; readonly waiting: number };
}

let made = 0;

/** A gateway's socket, by hand: node's own WebSocket sends no headers. */
async function sit(backend: string, more: Partial<Ask> = {}): Promise<{ socket: Socket; said: () => string }> {
  const rules = { count: 1, queue: 5, lowerShare: 0.1, coldAfterMs: 60_000 };
  const timing = { patienceMs: 20_000, waitedMs: 0, leaseMs: 60_000 };
  const ask: Ask = { id: `r${++made}`, tenant: "a", rank: 0, seats: 1, sits: false, rules, ...timing, ...more };
  const opening = request(`${base()}/${backend}`, {
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

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error("it never came");
    await pause(20);
  }
}

// planted: no listener for a socket that is lost
it("gives the seat of one who died to the next, and lets those who died waiting go", async () => {
  const first = await sit("home");
  await until(() => first.said().includes('"seated":true'));
  const second = await sit("home");
  const third = await sit("home");
  await until(() => third.said().includes('"place":2'));
  second.socket.resetAndDestroy();
  await until(async () => (await stateOf("home")).waiting === 1);
  first.socket.resetAndDestroy();
  await until(() => third.said().includes('"seated":true'));
  expect(await stateOf("home")).toMatchObject({ count: 1, taken: 1, waiting: 0 });
  third.socket.destroy();
  await until(async () => (await stateOf("home")).taken === 0);
});

// planted: who comes again sits a second time; the old socket's end taken for the request's
it("keeps one seat for a request that opens its socket again, whichever end sees first that it was lost", async () => {
  const seen = await sit("again", { id: "one" });
  await until(() => seen.said().includes('"seated":true'));
  seen.socket.resetAndDestroy();
  await pause(50);
  const unseen = await sit("again", { id: "one", sits: true });
  await pause(500);
  expect(await stateOf("again")).toMatchObject({ taken: 1 });
  const last = await sit("again", { id: "one", sits: true });
  unseen.socket.resetAndDestroy();
  await pause(500);
  expect(await stateOf("again")).toMatchObject({ taken: 1 });
  last.socket.destroy();
  await until(async () => (await stateOf("again")).taken === 0);
});

// planted: one object for all backends
it("has a desk for each backend", async () => {
  const one = await sit("one");
  await until(() => one.said().includes("seated"));
  const other = await sit("other");
  await until(() => other.said().includes("seated"));
  for (const { socket } of [one, other]) socket.destroy();
});

// planted: nothing kept on disk
it("remembers over a restart that it was busy", async () => {
  const sits = await sit("kept");
  await until(() => sits.said().includes("seated"));
  // Written without anybody waiting for it.
  await pause(500);
  await worker.kill();
  await worker.whenReady();
  const newcomer = await sit("kept");
  await until(() => newcomer.said().includes('"place":1'));
  const again = await sit("kept", { sits: true });
  await pause(2_000);
  expect(newcomer.said()).not.toContain("seated");
  again.socket.destroy();
  await until(() => newcomer.said().includes("seated"));
  newcomer.socket.destroy();
});

it("answers what it cannot read with an error", async () => {
  expect((await fetch(`${base()}/`)).status).toBe(404);
  expect((await fetch(`${base()}/Not/A/Backend`)).status).toBe(404);
  for (const name of ["rank", "seats", "leaseMs"])
    await expect(sit("home", { [name]: Number.NaN })).rejects.toThrow("status 400");
});
