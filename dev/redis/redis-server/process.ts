import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { StartError } from "../protocol.ts";

/**
 * Starts redis-server in the background, and ends it when standard input closes. The parent holds the other end of that
 * pipe, so the server and its socket go with it even when the parent is killed with SIGKILL and can run no handler.
 */
const WATCHER = `
exec 3<&0
run_dir=$1
shift
"$@" </dev/null 3<&- &
server=$!
{ read -r _ <&3; kill "$server" 2>/dev/null; } &
exec 3<&-
wait "$server"
code=$?
rm -rf "$run_dir"
exit $code
`;

const STOP_DEADLINE_MS = 10_000;
const READY_DEADLINE_MS = 10_000;

/** The oldest version that has every command of the closed list (EVAL_RO came with 7.0). */
export const OLDEST_MAJOR = 7;

/** A redis-server of our own, reached through a socket file that only this user can open. */
export interface RedisProcess {
  readonly socketPath: string;
  /** Why it is gone, once it is; undefined while it runs. */
  readonly exit: () => string | undefined;
  /** Ends it in the way that saves its data. */
  stop(): Promise<void>;
}

/** The path of a redis-server that is recent enough, or the reason why there is none. */
export function findRedisServer(): { path: string } | { missing: string } {
  if (process.platform === "win32") return { missing: "redis-server is not started on Windows" };
  const folders = (process.env.PATH ?? "").split(delimiter);
  const path = folders.map((folder) => join(folder, "redis-server")).find((candidate) => existsSync(candidate));
  if (path === undefined) return { missing: "no redis-server in PATH" };
  const version = spawnSync(path, ["--version"], { encoding: "utf8" }).stdout ?? "";
  const major = Number(/v=(\d+)\./.exec(version)?.[1] ?? Number.NaN);
  if (major >= OLDEST_MAJOR) return { path };
  return { missing: `${path} is older than Redis ${OLDEST_MAJOR}` };
}

/** Starts redis-server on a socket file. With a data folder every write is appended there; without one nothing is kept. */
export async function startRedisProcess(binary: string, dataDir: string | undefined): Promise<RedisProcess> {
  const runDir = mkdtempSync(join(tmpdir(), "redis-"));
  const socketPath = join(runDir, "socket");
  if (dataDir !== undefined) mkdirSync(dataDir, { recursive: true });
  const settings: Record<string, string> = {
    port: "0",
    unixsocket: socketPath,
    unixsocketperm: "700",
    dir: dataDir ?? runDir,
    appendonly: dataDir === undefined ? "no" : "yes",
    appendfsync: "everysec",
    save: "",
    loglevel: "warning",
    "proto-max-bulk-len": "512mb",
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  // A group of its own: Ctrl-C in the terminal must reach the endpoint alone, which then stops the server after its last call.
  const child = spawn("sh", ["-c", WATCHER, "sh", runDir, binary, ...flags], {
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
  });
  let output = "";
  let exit: string | undefined;
  const keepTail = (chunk: Buffer): void => {
    output = (output + chunk.toString("utf8")).slice(-2000);
  };
  child.stdout.on("data", keepTail);
  child.stderr.on("data", keepTail);
  child.stdin.on("error", () => undefined);
  const ended = new Promise<void>((resolve) => {
    child.once("error", (error) => {
      exit ??= error.message;
      rmSync(runDir, { recursive: true, force: true });
      resolve();
    });
    child.once("exit", (code, signal) => {
      exit ??= `redis-server ended with ${signal ?? `code ${String(code)}`}: ${lastLine(output)}`;
      child.stdin.destroy();
      resolve();
    });
  });
  const stop = async (): Promise<void> => {
    child.stdin.end();
    const timer = setTimeout(() => killGroup(child.pid), STOP_DEADLINE_MS);
    await ended;
    clearTimeout(timer);
  };
  const giveUpAtMs = Date.now() + READY_DEADLINE_MS;
  while (!(await accepts(socketPath))) {
    if (exit !== undefined) throw new StartError(`redis-server does not start: ${exit}`);
    if (Date.now() > giveUpAtMs) {
      await stop();
      throw new StartError(`redis-server is not ready after ${READY_DEADLINE_MS / 1000} s: ${lastLine(output)}`);
    }
    await sleep(5);
  }
  return { socketPath, exit: () => exit, stop };
}

/** The socket file is there a moment before anything listens on it. */
async function accepts(socketPath: string): Promise<boolean> {
  const socket = connect(socketPath);
  const connected = await new Promise<boolean>((resolve) => {
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
  });
  socket.destroy();
  return connected;
}

function lastLine(output: string): string {
  return output.trim().split("\n").at(-1) ?? "";
}

function killGroup(pid: number | undefined): void {
  if (pid !== undefined) process.kill(-pid, "SIGKILL");
}
