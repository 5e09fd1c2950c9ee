import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { cleanUp, type Launched, lastSurvivors, npmRun, temporaryFolder } from "./launcher-support.ts";

/** Our processes end with 0; a shell or npm in between may report the signal that it got as well. */
const ENDED_BY_CTRL_C = [0, "SIGINT", 130];

const launched: Launched[] = [];
const folders: string[] = [];

function start(script: "dev" | "serve", dataDir: string, ...flags: string[]): Launched {
  const one = npmRun(script, ["--data-dir", dataDir, "--port", "0", ...flags]);
  launched.push(one);
  return one;
}

function newDataDir(): string {
  const folder = temporaryFolder();
  folders.push(folder);
  return folder;
}

interface Ready {
  readonly gateway: string;
  readonly apiKey: string;
  readonly adminKey: string;
  readonly model: string;
  readonly backend: string;
  readonly console: string | null;
}

function readReady(dataDir: string): Ready {
  return JSON.parse(readFileSync(join(dataDir, "ready.json"), "utf8")) as Ready;
}

/** Asks every alias of `/v1/models` for one answer; gives those that did not answer, with what they said. */
async function aliasesThatFail({ gateway, apiKey }: Ready): Promise<readonly string[]> {
  const headers = { authorization: `Bearer ${apiKey}`, "content-type": "application/json" };
  const { data } = (await (await fetch(`${gateway}/v1/models`, { headers })).json()) as { data: { id: string }[] };
  expect(data.length).toBeGreaterThan(1);
  const failed: string[] = [];
  for (const { id: model } of data) {
    const ask = (path: string, body: object) =>
      fetch(gateway + path, { method: "POST", headers, body: JSON.stringify({ model, ...body }) });
    const chat = { max_tokens: 8, messages: [{ role: "user", content: "Hello" }] };
    const asked: readonly [kind: RegExp, path: string, body: object][] = [
      [/embed/, "/v1/embeddings", { input: "Hello" }],
      [/complete/, "/v1/completions", { prompt: "Hello", max_tokens: 8 }],
      [/rerank/, "/v1/rerank", { query: "Hello", documents: ["Hello there", "Goodbye"] }],
    ];
    const [, path, body] = asked.find(([kind]) => kind.test(model)) ?? [/chat/, "/v1/chat/completions", chat];
    const answer = await ask(path, body);
    const backend = answer.headers.get("x-gateway-attempts");
    const text = await answer.text();
    if (answer.status !== 200 || backend !== "1") failed.push(`${model}: ${answer.status} ${backend} ${text}`);
  }
  return failed;
}

/** Runs the printed line in a shell, as a reader would paste it; gives the words of the streamed answer. Throws where it is not whole. */
function runPrintedCurl(line: string): string {
  const stream = execFileSync("sh", ["-c", `${line} --silent --show-error`], { encoding: "utf8" });
  const frames = stream.split("\n").flatMap((one) => (one.startsWith("data: ") ? [one.slice("data: ".length)] : []));
  expect(frames.at(-1)).toBe("[DONE]");
  const chunks = frames
    .slice(0, -1)
    .map((frame) => JSON.parse(frame) as { choices: { delta: { content?: string } }[] });
  expect(chunks.length).toBeGreaterThan(1);
  return chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("");
}

async function keysOf(ready: Ready): Promise<readonly string[]> {
  const response = await fetch(`${ready.gateway}/admin/v1/keys`, {
    headers: { authorization: `Bearer ${ready.adminKey}` },
  });
  const { data } = (await response.json()) as { data: { id: string }[] };
  return data.map(({ id }) => id);
}

afterEach(() => {
  cleanUp(launched.splice(0), folders.splice(0));
});

describe("npm run serve", () => {
  // planted: the simulated backends knew only simulated names; nothing stopped and the guard told of nobody; the minted key not saved; the files with the default mode
  test("its curl line answers, a second start keeps key and data, --fresh does not, Ctrl-C leaves nobody", async () => {
    const dataDir = newDataDir();
    const first = start("serve", dataDir);
    const [curl] = await first.said(/^ {2}curl .*$/m);
    const ready = readReady(dataDir);
    expect(first.output()).toContain(ready.apiKey);
    expect(first.output()).toMatch(/home is simulated, openai is simulated/);
    expect(runPrintedCurl(curl)).toMatch(/^Simulated answer/);
    expect(await aliasesThatFail(ready)).toEqual([]);
    for (const file of ["secrets.json", "ready.json"]) expect(statSync(join(dataDir, file)).mode & 0o077).toBe(0);
    const keys = await keysOf(ready);
    expect(keys).toHaveLength(1);
    expect(await first.ctrlC()).toBeOneOf(ENDED_BY_CTRL_C);
    expect(await lastSurvivors(first)).toEqual([]);
    expect(existsSync(join(dataDir, "ready.json"))).toBe(false);

    const second = start("serve", dataDir);
    const [secondCurl] = await second.said(/^ {2}curl .*$/m);
    const again = readReady(dataDir);
    expect(again.apiKey).toBe(ready.apiKey);
    expect(second.output()).not.toContain(ready.apiKey);
    expect(runPrintedCurl(secondCurl)).toMatch(/^Simulated answer/);
    expect(await keysOf(again)).toEqual(keys);
    expect(await second.ctrlC()).toBeOneOf(ENDED_BY_CTRL_C);

    const third = start("serve", dataDir, "--fresh");
    await third.said(/^ {2}curl /m);
    expect(readReady(dataDir).apiKey).not.toBe(ready.apiKey);
    await third.ctrlC();
    expect(await lastSurvivors(third)).toEqual([]);
  });

  // planted: the guard not told of new children
  test("a supervisor that is killed with SIGKILL leaves nobody", async () => {
    const one = start("serve", newDataDir());
    await one.said(/^ {2}curl /m);
    const everybody = one.survivors();
    expect(everybody.length).toBeGreaterThan(6);
    for (const pid of everybody) {
      if (/dev\/serve\.ts/.test(commandOf(pid))) process.kill(pid, "SIGKILL");
    }
    expect(await lastSurvivors(one)).toEqual([]);
  });

  // planted: watchedAncestors returning nobody
  test("a launcher whose npm is killed with SIGKILL leaves nobody", async () => {
    const one = start("serve", newDataDir());
    await one.said(/^ {2}curl /m);
    one.process.kill("SIGKILL");
    expect(await lastSurvivors(one)).toEqual([]);
  });

  // planted: ensure.mjs keeps a signal to itself; the supervisor does not act on one; watchedAncestors returning nobody
  test.each([
    { name: "npm", signal: "SIGTERM", script: /npm/ },
    { name: "the launcher", signal: "SIGINT", script: /^\S*node scripts\/ensure\.mjs/ },
    { name: "the supervisor", signal: "SIGTERM", script: /^\S*node \S*dev\/serve\.ts/ },
  ] as const)("$signal to $name alone leaves nobody", async ({ signal, script }) => {
    const one = start("serve", newDataDir());
    await one.said(/^ {2}curl /m);
    const told = one.survivors().filter((pid) => script.test(commandOf(pid)));
    expect(told).toHaveLength(1);
    for (const pid of told) process.kill(pid, signal);
    expect(await lastSurvivors(one)).toEqual([]);
  });

  // planted: a restart that takes a new port in place of the old one
  test("two gateways share one stack, and one that is killed is back within moments", async () => {
    const dataDir = newDataDir();
    const one = start("serve", dataDir, "--gateways", "2");
    const [, first = "", second = ""] = await one.said(/ready: (\S+), (\S+)/);
    await one.said(/^ {2}curl /m);
    const { apiKey } = readReady(dataDir);
    const statusAt = async (url: string): Promise<number | string> => {
      try {
        const response = await fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${apiKey}` } });
        return response.status;
      } catch {
        return "refused";
      }
    };
    expect([await statusAt(first), await statusAt(second)]).toEqual([200, 200]);
    const victim = one.survivors().find((pid) => commandOf(pid).includes(join(dataDir, "run", "gateway", "workerd")));
    expect(victim).toBeDefined();
    process.kill(victim ?? 0, "SIGKILL");
    await one.said(/gateway was ended by SIGKILL and was started again/);
    for (let tries = 0; tries < 100 && (await statusAt(first)) !== 200; tries += 1) await pause(50);
    expect([await statusAt(first), await statusAt(second)]).toEqual([200, 200]);
    await one.ctrlC();
    expect(await lastSurvivors(one)).toEqual([]);
  });
});

describe("npm run dev", () => {
  // planted: the ledger's wrangler left out of the stop, and the guard told of nobody
  test("its curl line answers and Ctrl-C leaves nobody, wrangler's own children included", async () => {
    const dataDir = newDataDir();
    const one = start("dev", dataDir);
    const [curl] = await one.said(/^ {2}curl .*$/m);
    expect(runPrintedCurl(curl)).toMatch(/^Simulated answer/);
    expect(await one.ctrlC()).toBeOneOf(ENDED_BY_CTRL_C);
    expect(await lastSurvivors(one)).toEqual([]);
  });

  // planted: the guard told of nobody
  test("one that is told to stop while it starts leaves nobody", async () => {
    const dataDir = newDataDir();
    const one = start("dev", dataDir);
    // Written from the moment at which its wrangler starts.
    const log = join(dataDir, "logs", "gateway.log");
    for (let tries = 0; tries < 600 && !existsSync(log); tries += 1) await pause(50);
    expect(existsSync(log)).toBe(true);
    expect(existsSync(join(dataDir, "ready.json"))).toBe(false);
    one.process.kill("SIGTERM");
    expect(await lastSurvivors(one)).toEqual([]);
  });
});

describe("what cannot start says so in one line and ends with 1", () => {
  // planted: requireFree not awaited
  test("a taken port", async () => {
    const { blocker, port } = await blockPort();
    const one = npmRun("serve", ["--data-dir", newDataDir()], { PORT: String(port) });
    launched.push(one);
    expect(await one.ended).toBe(1);
    expect(errorLines(one)).toEqual([expect.stringMatching(`^error: port ${port} is taken: .*PORT=`)]);
    expect(one.survivors()).toEqual([]);
    blocker.close();
  });

  test.each([
    ["an unknown flag", ["--frsh"], {}, /--frsh/],
    ["a port that is none", [], { PORT: "80a" }, /^error: PORT=80a is no port/],
    ["a Redis without its token", [], { UPSTASH_REDIS_REST_URL: "https://redis.invalid" }, /UPSTASH_REDIS_REST_TOKEN/],
    ["a backend URL that is none", [], { VLLM_BASE_URL: "localhost:8000" }, /VLLM_BASE_URL is no http\(s\) URL/],
    ["a configuration that is not there", ["--config", "config/none.yaml"], {}, /config\/none\.yaml: cannot be read/],
  ] as const)("%s", async (_, flags, env, pattern) => {
    const one = npmRun("serve", ["--data-dir", newDataDir(), ...flags], env);
    launched.push(one);
    expect(await one.ended).toBe(1);
    expect(errorLines(one)).toEqual([expect.stringMatching(pattern)]);
    expect(one.survivors()).toEqual([]);
  });

  // planted: the lock on the data directory not looked at; looked at behind the port
  test("a data directory that another stack runs from, whose port is taken as well", async () => {
    const dataDir = newDataDir();
    // This very process is as good an owner as any that runs.
    writeFileSync(join(dataDir, "stack.pid"), String(process.pid));
    const { blocker, port } = await blockPort();
    const one = npmRun("serve", ["--data-dir", dataDir], { PORT: String(port) });
    launched.push(one);
    expect(await one.ended).toBe(1);
    const said = new RegExp(`^error: a stack already runs from .* \\(process ${process.pid}\\)`);
    expect(errorLines(one)).toEqual([expect.stringMatching(said)]);
    blocker.close();
  });
});

async function blockPort(): Promise<{ readonly blocker: Server; readonly port: number }> {
  const blocker = createServer();
  const port = await new Promise<number>((resolve) => {
    blocker.listen(0, "127.0.0.1", () => {
      const address = blocker.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
  return { blocker, port };
}

function errorLines(one: Launched): readonly string[] {
  return one
    .output()
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("starting ("));
}

/** Empty for a process that is gone. */
function commandOf(pid: number): string {
  return spawnSync("ps", ["-ww", "-o", "args=", "-p", String(pid)], { encoding: "utf8" }).stdout;
}
