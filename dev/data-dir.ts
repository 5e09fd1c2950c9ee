import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { isRunning } from "./process-tree.ts";
import { StartError } from "./start-error.ts";

/** The folder in which a stack keeps everything: data, secrets, logs, and what it writes for its processes. */
export interface DataDir {
  readonly path: string;
  readonly redisDir: string;
  readonly postgresDir: string;
  /** Written when the stack is ready, removed when it stops. */
  readonly readyFile: string;
  readonly secretsFile: string;
  logFile(process: string): string;
  /** A folder for the generated files of one process. */
  runDir(process: string): string;
  release(): void;
}

/**
 * Takes a data directory for this stack alone. `fresh` empties it first: data, secrets and logs. Throws a `StartError` where another stack
 * runs from it.
 */
export function takeDataDir(path: string, fresh: boolean): DataDir {
  const root = resolve(path);
  const lock = lockOf(root);
  mkdirSync(root, { recursive: true });
  takeLock(lock, root);
  const names = ["data", "run", "logs", "secrets.json", "ready.json"];
  // Whatever the folder is called: secrets are kept here.
  writeFileSync(join(root, ".gitignore"), "*\n");
  // What ran before is gone, so is what it said of itself.
  for (const name of fresh ? names : ["run", "ready.json"]) rmSync(join(root, name), { recursive: true, force: true });
  for (const name of ["data", "run", "logs"]) mkdirSync(join(root, name), { recursive: true });
  return {
    path: root,
    redisDir: join(root, "data", "redis"),
    postgresDir: join(root, "data", "postgres"),
    readyFile: join(root, "ready.json"),
    secretsFile: join(root, "secrets.json"),
    logFile: (process) => join(root, "logs", `${process}.log`),
    runDir(process) {
      const folder = join(root, "run", process);
      mkdirSync(folder, { recursive: true });
      return folder;
    },
    release() {
      rmSync(join(root, "ready.json"), { force: true });
      rmSync(lock, { force: true });
    },
  };
}

/** Throws a `StartError` where a stack runs from this data directory. Changes nothing: to be asked before its port is found taken. */
export function requireNoStack(path: string): void {
  const root = resolve(path);
  const lock = lockOf(root);
  if (existsSync(lock)) refuseOwner(lock, root);
}

const lockOf = (root: string): string => join(root, "stack.pid");

/** Throws where the process that the lock names is there; a lock that somebody left is none. */
function refuseOwner(lock: string, root: string): void {
  const owner = Number(readFileSync(lock, "utf8"));
  if (!(owner > 0 && isRunning(owner))) return;
  throw new StartError(
    `a stack already runs from ${root} (process ${owner}): stop it, or start another with --data-dir <folder> --port <number>`,
  );
}

function takeLock(lock: string, root: string): void {
  for (let tries = 0; tries < 3; tries += 1) {
    try {
      writeFileSync(lock, String(process.pid), { flag: "wx" });
      return;
    } catch (error) {
      if (!existsSync(lock)) throw error;
    }
    refuseOwner(lock, root);
    rmSync(lock, { force: true });
  }
  throw new StartError(`${lock} cannot be taken; remove it when no stack runs from there`);
}

/** Writes a file whole or not at all, for this user's eyes only. */
export function writePrivately(file: string, text: string): void {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, text, { mode: 0o600 });
  renameSync(draft, file);
}
