import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { rawPost } from "./raw-client.ts";

const MAIN = fileURLToPath(new URL("../../../dev/backends/main.ts", import.meta.url));
const running: ChildProcess[] = [];
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "simulated-backend-"));
});
afterEach(() => {
  for (const child of running.splice(0)) child.kill("SIGKILL");
});
afterAll(() => rm(folder, { recursive: true }));

interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  firstLine(): Promise<string>;
  readonly errors: () => string;
}

function start(...args: string[]): Started {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  running.push(child);
  let output = "";
  let errors = "";
  child.stderr.on("data", (chunk) => {
    errors += chunk;
  });
  const ended = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
  const line = new Promise<string>((resolve) => {
    child.stdout.on("data", (chunk) => {
      output += chunk;
      if (output.includes("\n")) resolve(output.split("\n", 1)[0] ?? "");
    });
  });
  return { child, ended, firstLine: () => line, errors: () => errors };
}

// planted: the tally line was buffered in the process
test("the process says when it is ready, and its tally file survives a kill", async () => {
  const tallyFile = join(folder, "tally.jsonl");
  const { child, ended, firstLine } = start(
    "--port",
    "0",
    "--name",
    "gpu-1",
    "--ttft-ms",
    "0",
    "--tokens-per-second",
    "0",
    "--tally-file",
    tallyFile,
  );
  const ready = JSON.parse(await firstLine());
  expect(ready).toEqual({
    ready: true,
    simulated: true,
    name: "gpu-1",
    url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    anthropicUrl: `${ready.url}/anthropic`,
    controlUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
  });
  await rawPost(ready.url, {
    headers: { "x-request-id": "kept" },
    body: { model: "simulated-small", messages: [{ role: "user", content: "hi" }] },
  });
  await expect.poll(() => readFile(tallyFile, "utf8")).toContain("\n");
  child.kill("SIGKILL");
  await ended;
  expect(JSON.parse((await readFile(tallyFile, "utf8")).trim())).toMatchObject({
    backend: "gpu-1",
    requestId: "kept",
    outcome: "completed",
  });
});

// planted: SIGTERM waited for open streams
test("SIGTERM ends it at once, open streams or not", async () => {
  const { child, ended, firstLine } = start("--tokens-per-second", "1");
  const { url } = JSON.parse(await firstLine());
  const body = JSON.stringify({ model: "simulated-small", stream: true, messages: [{ role: "user", content: "hi" }] });
  const response = await fetch(`${url}/v1/chat/completions`, { method: "POST", body });
  child.kill("SIGTERM");
  expect(await ended).toBe(0);
  await expect(response.text()).rejects.toThrow();
});

// planted: a wrong number was taken for the default
test("a taken port or a wrong option is one line on stderr and exit 1", async () => {
  const { url } = JSON.parse(await start().firstLine());
  for (const [args, words] of [
    [["--port", new URL(url).port], "EADDRINUSE"],
    [["--ttft-ms", "soon"], "--ttft-ms wants a number"],
    [["--made-up", "1"], "--made-up"],
  ] as const) {
    const failing = start(...args);
    expect(await failing.ended).toBe(1);
    expect(failing.errors()).toContain(words);
    expect(failing.errors().trim().split("\n")).toHaveLength(1);
  }
});
