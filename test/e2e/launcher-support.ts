import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { projectRoot } from "../../scripts/project.ts";

/** A command of package.json, run as a person runs it, with everything it starts marked so that it can be found again. */
export interface Launched {
  readonly process: ChildProcess;
  output(): string;
  /** Resolves once the output matches; rejects when the command ends before, or after two minutes. */
  said(pattern: RegExp): Promise<RegExpExecArray>;
  /** Resolves to the exit code, or the signal's name. */
  readonly ended: Promise<number | string | null>;
  /** What Ctrl-C in a terminal does: SIGINT to the whole group. */
  ctrlC(): Promise<number | string | null>;
  /** Ids of all processes that this command started, directly or not, and that still run. */
  survivors(): readonly number[];
}

const MARK = "LAUNCHER_TEST_MARK";
const SAY_WITHIN_MS = 120_000;

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), "launcher-"));
}

/** `npm run <script> -- <flags>` in a process group of its own. */
export function npmRun(script: string, flags: readonly string[], env: Record<string, string> = {}): Launched {
  return launch("npm", ["run", "--silent", script, "--", ...flags], env);
}

export function launch(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
  cwd = projectRoot,
): Launched {
  const mark = randomUUID();
  const child = spawn(command, [...args], {
    cwd,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...withoutServices(process.env), ...env, [MARK]: mark },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString("utf8");
    });
  }
  const ended = new Promise<number | string | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve(signal ?? code));
  });
  let isOver = false;
  void ended.finally(() => {
    isOver = true;
  });
  return {
    process: child,
    output: () => output,
    ended,
    async said(pattern) {
      for (const deadline = Date.now() + SAY_WITHIN_MS; Date.now() < deadline; await pause(50)) {
        const found = pattern.exec(output);
        if (found !== null) return found;
        if (isOver) break;
      }
      throw new Error(`never said ${String(pattern)}; it said:\n${output}`);
    },
    async ctrlC() {
      if (child.pid !== undefined && !isOver) process.kill(-child.pid, "SIGINT");
      return ended;
    },
    survivors: () => markedProcesses(mark),
  };
}

/** Waits until nobody is left; resolves to who is left after ten seconds. */
export async function lastSurvivors(launched: Launched): Promise<readonly number[]> {
  for (const deadline = Date.now() + 10_000; Date.now() < deadline; await pause(100)) {
    if (launched.survivors().length === 0) return [];
  }
  return launched.survivors();
}

/** For `afterEach`: ends what a failed test left behind. */
export function cleanUp(launched: readonly Launched[], folders: readonly string[]): void {
  for (const pid of launched.flatMap((one) => one.survivors())) process.kill(pid, "SIGKILL");
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}

/** A developer's own services and keys have no part in these tests. */
function withoutServices(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const outside =
    /^(VLLM_|OPENAI_|ANTHROPIC_|UPSTASH_|DATABASE_|CF_ACCESS_|REDIS_URL|GATEWAY_CONFIG|PORT|npm_|VITEST|NODE_ENV)/;
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !outside.test(name)));
}

/** Every process carries its environment, also one whose parent is gone. */
function markedProcesses(mark: string): readonly number[] {
  if (existsSync("/proc/self/environ")) {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name) && environmentOf(name).includes(mark))
      .map(Number);
  }
  const listing = execFileSync("ps", ["-AwwE", "-o", "pid=,command="], { encoding: "utf8" });
  return listing.split("\n").flatMap((line) => (line.includes(mark) ? [Number.parseInt(line, 10)] : []));
}

function environmentOf(pid: string): string {
  try {
    // A zombie has none any more.
    return readFileSync(`/proc/${pid}/environ`, "latin1");
  } catch {
    return "";
  }
}
