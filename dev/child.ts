import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { Guard } from "./guard-handle.ts";
import { signalTree } from "./process-tree.ts";
import { StartError } from "./start-error.ts";

/** A process of the stack: how to start it, and how it tells that it is ready. */
export interface ChildPlan<Ready> {
  /** Names the log file and the lines that people see. */
  readonly name: string;
  readonly command: string;
  /** Built anew for each start; `before` is what the first start reported, so that a restarted process can take the same port. */
  readonly args: (before: Ready | undefined) => readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Where its output goes; a file of its own, emptied by the first start. */
  readonly logFile: string;
  /**
   * Which stream carries the ready line: standard output, which is then copied to the log line by line, or a further descriptor, so
   * that standard output is the log file itself and costs nobody anything.
   */
  readonly readyOn: "stdout" | "descriptor 3";
  /** What a line says about being ready; undefined for any other line. */
  readonly readReady: (line: string) => Ready | undefined;
  readonly readyWithinMs: number;
  /** Every line of standard output, where it is read at all. */
  readonly onLine?: (line: string) => void;
}

export interface Child<Ready> {
  readonly name: string;
  /** What the ready line said at the first start. */
  readonly ready: Ready;
  /** The process of now; another one after a restart. Undefined while there is none. */
  pid(): number | undefined;
  /** How many times it was started again. */
  restarts(): number;
  /** Signals the process alone (SIGKILL: as a crash would). Resolves when it has gone. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Resolves once the process that runs now has reported ready. */
  whenReady(): Promise<void>;
  log(): string;
  /** Ends it and everything it started, for good. Forces it after five seconds. */
  stop(): Promise<void>;
}

export interface ChildOptions {
  readonly guard: Guard;
  /** Whether a process that ends by itself is started again. */
  readonly restart: boolean;
  readonly onRestart?: (name: string, why: string) => void;
}

const ENDED_BY = "was ended by";
const STOP_WITHIN_MS = 5_000;
const FIRST_RESTART_MS = 50;
const SLOWEST_RESTART_MS = 5_000;
/** A process that ran this long was well; the delay before its next restart starts small again. */
const STEADY_MS = 3_000;

/** Starts a process and resolves when it is ready. Throws a `StartError` with the end of its log when it ends before, or takes too long. */
export async function startChild<Ready>(plan: ChildPlan<Ready>, options: ChildOptions): Promise<Child<Ready>> {
  closeSync(openSync(plan.logFile, "w"));
  let stopping = false;
  let restarts = 0;
  let restartTimer: NodeJS.Timeout | undefined;
  let delayMs = FIRST_RESTART_MS;
  let current = launch(plan, undefined, options.guard);
  const ready = await current.ready.catch(async (error: unknown) => {
    await end(current);
    throw error;
  });

  function superviseCurrent(): void {
    const startedAtMs = Date.now();
    const watched = current;
    watched.ready.catch(() => undefined);
    void watched.ended.then((why) => {
      if (stopping || !options.restart) return;
      const wasSteady = Date.now() - startedAtMs > STEADY_MS;
      // One that is killed from outside is back at once; only one that gives up by itself is left longer and longer alone.
      const isKilled = why.startsWith(ENDED_BY);
      delayMs = wasSteady || isKilled ? FIRST_RESTART_MS : Math.min(delayMs * 2, SLOWEST_RESTART_MS);
      restartTimer = setTimeout(() => {
        restarts += 1;
        current = launch(plan, ready, options.guard);
        superviseCurrent();
        options.onRestart?.(plan.name, why);
      }, delayMs);
    });
  }
  superviseCurrent();

  return {
    name: plan.name,
    ready,
    pid: () => (current.isAlive() ? current.process.pid : undefined),
    restarts: () => restarts,
    async kill(signal = "SIGKILL") {
      current.process.kill(signal);
      await current.ended;
    },
    async whenReady() {
      while (!current.isAlive() && !stopping && options.restart) await new Promise((done) => setTimeout(done, 10));
      await current.ready;
    },
    log: () => readFileSync(plan.logFile, "utf8"),
    async stop() {
      stopping = true;
      clearTimeout(restartTimer);
      await end(current);
    },
  };
}

interface Launched<Ready> {
  readonly process: ChildProcess;
  readonly ready: Promise<Ready>;
  /** Resolves to the reason. */
  readonly ended: Promise<string>;
  isAlive(): boolean;
}

function launch<Ready>(plan: ChildPlan<Ready>, before: Ready | undefined, guard: Guard): Launched<Ready> {
  const log = openSync(plan.logFile, "a");
  const extra = plan.readyOn === "descriptor 3";
  const child = spawn(plan.command, [...plan.args(before)], {
    // A group of its own: Ctrl-C in the terminal reaches the supervisor alone, which then stops everybody in order.
    detached: process.platform !== "win32",
    windowsHide: true,
    // Standard input stays open as long as the supervisor lives; its end tells a child that watches it.
    stdio: ["pipe", extra ? log : "pipe", log, ...(extra ? (["pipe"] as const) : [])],
    env: { ...process.env, ...plan.env },
    ...(plan.cwd !== undefined && { cwd: plan.cwd }),
  });
  const { pid } = child;
  if (pid !== undefined) guard.watch(pid);
  child.stdin?.on("error", () => undefined);
  let alive = pid !== undefined;
  const ended = new Promise<string>((resolve) => {
    const finish = (why: string): void => {
      if (pid !== undefined) guard.forget(pid);
      alive = false;
      closeSync(log);
      resolve(why);
    };
    child.once("error", (error) => finish(`${plan.command} could not be started: ${error.message}`));
    // What it left behind in its group goes with it.
    child.once("exit", () => pid !== undefined && signalTree(pid, "SIGKILL"));
    child.once("close", (code, signal) => {
      finish(signal === null ? `ended with code ${String(code)}` : `${ENDED_BY} ${signal}`);
    });
  });
  const ready = new Promise<Ready>((resolve, reject) => {
    const tooLate = setTimeout(() => {
      reject(new StartError(`${plan.name} was not ready within ${plan.readyWithinMs / 1000} s; see ${plan.logFile}`));
    }, plan.readyWithinMs);
    createInterface({ input: child.stdio[extra ? 3 : 1] as Readable }).on("line", (line) => {
      if (!extra && alive) writeSync(log, `${line}\n`);
      const said = plan.readReady(line);
      if (said !== undefined) {
        clearTimeout(tooLate);
        resolve(said);
      }
      plan.onLine?.(line);
    });
    void ended.then((why) => {
      clearTimeout(tooLate);
      reject(new StartError(`${plan.name} ${why}: ${lastWords(plan.logFile)} (all of it: ${plan.logFile})`));
    });
  });
  return { process: child, ready, ended, isAlive: () => alive };
}

async function end(launched: Launched<unknown>): Promise<void> {
  const { pid } = launched.process;
  if (pid === undefined || !launched.isAlive()) return;
  if (process.platform === "win32") signalTree(pid, "SIGKILL");
  else launched.process.kill("SIGTERM");
  const force = setTimeout(() => signalTree(pid, "SIGKILL"), STOP_WITHIN_MS);
  await launched.ended;
  clearTimeout(force);
}

/** The last line of the log that says something. */
function lastWords(logFile: string): string {
  const lines = readFileSync(logFile, "utf8").split("\n");
  return lines.findLast((line) => line.trim() !== "" && !line.startsWith("stack:"))?.trim() ?? "it said nothing";
}
