import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readArguments } from "../../../dev/redis/main.ts";
import type { RedisForm } from "../../../dev/redis/protocol.ts";
import { clientOf, forms, post, TOKEN } from "./forms.ts";

const MAIN = join(import.meta.dirname, "../../../dev/redis/main.ts");
const SNAPSHOT_DEADLINE_MS = 15_000;

interface Running {
  readonly child: ChildProcess;
  readonly url: string;
  readonly form: string;
}

let dataDir: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "redis-test-"));
});
afterEach(async () => {
  for (const child of children.splice(0)) await stop(child, "SIGTERM");
  rmSync(dataDir, { recursive: true, force: true });
});

function launch(...args: readonly string[]): ChildProcess {
  // The environment's REDIS_URL would turn every form into one server that outlives the test.
  const { REDIS_URL: _unused, ...env } = process.env;
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  children.push(child);
  return child;
}

async function start(form: RedisForm): Promise<Running> {
  const child = launch("--tokens", TOKEN, "--data-dir", dataDir, form === "embedded" ? "--embedded" : "--server");
  for await (const line of createInterface({ input: child.stdout ?? process.stdin })) {
    const ready = JSON.parse(line) as { ready: boolean; url: string; form: string };
    return { child, url: ready.url, form: ready.form };
  }
  throw new Error(`the endpoint ended before it was ready: ${String(child.stderr?.read())}`);
}

async function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, "exit");
}

async function fails(...args: readonly string[]): Promise<string> {
  const child = launch(...args);
  const output: Buffer[] = [];
  child.stderr?.on("data", (chunk: Buffer) => output.push(chunk));
  const [code] = await once(child, "exit");
  expect(code).toBe(1);
  return Buffer.concat(output).toString("utf8");
}

/** The redis-server processes that append to the test's folder. */
function serversOf(folder: string): readonly string[] {
  if (process.platform !== "linux") return []; // only there are processes files
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        // The server renames itself and then shows no folder in its arguments, but it works in it.
        return (
          readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("redis-server") &&
          readlinkSync(`/proc/${pid}/cwd`).startsWith(folder)
        );
      } catch {
        return false; // it ended meanwhile
      }
    });
}

// A database of a server that someone else runs does not end with the endpoint, and so is not looked at here.
const ownForms = process.env.REDIS_URL ? forms.filter((form) => form === "embedded") : forms;

describe.each(ownForms)("the process on %s", (form) => {
  // planted: the snapshot without expiry times
  test("data of every type, and the time it has left, are there after a restart", async () => {
    const first = await start(form);
    expect(first.form).toBe(form);
    const redis = clientOf(first);
    await redis.set("string", "é");
    await redis.set("brief", "x", { px: 400 });
    await redis.set("timed", "x", { ex: 1000 });
    await redis.hset("hash", { a: "1", b: "two" });
    await redis.rpush("list", "a", "b");
    await redis.sadd("set", "a", "b");
    await post(first, "/", ["ZADD", "zset", "1.5", "a", "-inf", "b"]); // JSON has no infinity
    await redis.xadd("stream", "5-1", { n: 1 });
    await stop(first.child, "SIGTERM");
    expect(first.child.exitCode).toBe(0);
    await new Promise((resolve) => setTimeout(resolve, 400));

    const second = clientOf(await start(form));
    expect(await second.mget("string", "brief", "timed")).toEqual(["é", null, "x"]);
    expect(await second.ttl("timed")).toBeGreaterThan(900);
    expect(await second.hgetall("hash")).toEqual({ a: 1, b: "two" });
    expect(await second.lrange("list", 0, -1)).toEqual(["a", "b"]);
    expect(new Set(await second.smembers("set"))).toEqual(new Set(["a", "b"]));
    expect(await second.zrange("zset", 0, -1)).toEqual(["b", "a"]);
    expect(await second.zscore("zset", "a")).toBe(1.5);
    expect(await second.xrange("stream", "-", "+")).toEqual({ "5-1": { n: 1 } });
    await expect(second.xadd("stream", "5-1", { n: 2 })).rejects.toThrow("equal or smaller");
  });

  test("what was written some seconds before a SIGKILL is there after it", async () => {
    const first = await start(form);
    await clientOf(first).set("k", "kept");
    const saved = () =>
      readdirSync(dataDir, { recursive: true }).some((name) => /snapshot\.json$|incr\.aof$/.test(String(name)));
    await expect.poll(saved, { timeout: SNAPSHOT_DEADLINE_MS, interval: 100 }).toBe(true);
    if (form === "redis-server") await new Promise((resolve) => setTimeout(resolve, 1_200)); // appendfsync everysec
    await stop(first.child, "SIGKILL");
    await expect.poll(() => serversOf(dataDir), { timeout: SNAPSHOT_DEADLINE_MS }).toEqual([]);
    expect(await clientOf(await start(form)).get("k")).toBe("kept");
  });

  test("a taken port is one line that says what to do", async () => {
    const blocker = createServer().listen(0, "127.0.0.1");
    await once(blocker, "listening");
    const { port } = blocker.address() as { port: number };
    const flag = form === "embedded" ? "--embedded" : "--server";
    const output = await fails("--tokens", TOKEN, flag, "--port", String(port));
    blocker.close();
    expect(output).toBe(`redis: Port ${port} is taken: stop what listens there, or choose another with --port\n`);
  });
});

describe.runIf(ownForms.includes("redis-server") && process.platform === "linux")(
  "the redis-server of an endpoint",
  () => {
    // planted: the watcher of standard input left out
    test("ends with its parent, also when that is killed with SIGKILL", async () => {
      const { child } = await start("redis-server");
      expect(serversOf(dataDir).length).toBeGreaterThan(0);
      await stop(child, "SIGKILL");
      await expect.poll(() => serversOf(dataDir), { timeout: SNAPSHOT_DEADLINE_MS }).toEqual([]);
    });
  },
);

describe("a start that cannot succeed is one line", () => {
  test("no tokens, unknown options, contradicting forms, a bad port", () => {
    expect(() => readArguments(["--nope"], {})).toThrow("--nope");
    expect(() => readArguments(["--port", "70000"], {})).toThrow("--port wants a number up to 65535");
    expect(() => readArguments(["--embedded", "--server"], {})).toThrow("Choose one of");
    expect(readArguments(["--tokens", "a,b", "--port", "0"], { REDIS_URL: "redis://127.0.0.1:1" })).toEqual({
      port: 0,
      tokens: ["a", "b"],
      form: "auto",
      redisUrl: "redis://127.0.0.1:1",
    });
  });

  test("without tokens, without a server at the URL, with a damaged snapshot", async () => {
    expect(await fails("--embedded")).toBe("redis: Give at least one token: --tokens some-token\n");
    expect(await fails("--tokens", "a", "--redis-url", "redis://127.0.0.1:1")).toMatch(
      /^redis: No Redis answers at 127\.0\.0\.1:1: start it, or leave REDIS_URL out \(.*\)\n$/,
    );
    expect(await fails("--tokens", "a", "--redis-url", "http://127.0.0.1:1")).toContain(
      "write redis://127.0.0.1:6379/0",
    );
    const first = await start("embedded");
    await clientOf(first).set("k", "x");
    await stop(first.child, "SIGTERM");
    writeFileSync(join(dataDir, "embedded", "snapshot.json"), "{half");
    const output = await fails("--tokens", "a", "--embedded", "--data-dir", dataDir);
    expect(output).toMatch(/^redis: The snapshot .* is damaged or of another version: move it away to start empty\n$/);
  });
});
