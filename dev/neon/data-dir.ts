import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** A data directory that this process alone may use. */
export interface DataDir {
  /** Where PGlite keeps its files. */
  readonly files: string;
  /** To be called when the database has opened: until then, its files count as half made. */
  markReady(): void;
  release(): void;
}

/** A killed process takes a moment to go; one that lives longer than this is taken for the owner. */
const PATIENCE_MS = 3_000;
const POLL_MS = 100;

/**
 * Takes a data directory. PGlite itself guards neither against two processes on one directory, which would corrupt it,
 * nor against a kill in the middle of creating it; a lock file with the owner's process id and a marker do.
 * Throws one clear line when another living process holds the directory.
 */
export async function takeDataDir(path: string): Promise<DataDir> {
  mkdirSync(path, { recursive: true });
  const lock = join(path, "endpoint.pid");
  const deadline = Date.now() + PATIENCE_MS;
  for (let owner = takeLock(lock); owner !== undefined; owner = takeLock(lock)) {
    if (Date.now() > deadline) {
      throw new Error(`the data directory ${path} is in use by process ${owner}: stop it, or choose another directory`);
    }
    await sleep(POLL_MS);
  }
  const files = join(path, "pgdata");
  const marker = join(path, "ready");
  if (!existsSync(marker)) rmSync(files, { recursive: true, force: true });
  return {
    files,
    markReady: () => writeFileSync(marker, "The files in pgdata are complete.\n"),
    release: () => rmSync(lock, { force: true }),
  };
}

/** Takes the lock, also from a dead owner; the living owner's process id where there is one. */
function takeLock(lock: string): number | undefined {
  for (;;) {
    try {
      writeFileSync(lock, `${process.pid} ${startedAt(process.pid) ?? ""}`, { flag: "wx" });
      return undefined;
    } catch (cause) {
      if (!hasCode(cause, "EEXIST")) throw cause;
    }
    const [owner = "", start = ""] = readFileSync(lock, "utf8").split(" ");
    if (isAlive(Number(owner), start)) return Number(owner);
    rmSync(lock, { force: true });
  }
}

/** Ids are used again, above all after a restart of a container: on Linux the start time tells a namesake. */
function isAlive(pid: number, start: string): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (cause) {
    // EPERM: it lives, under another user.
    if (!hasCode(cause, "EPERM")) return false;
  }
  const now = startedAt(pid);
  return now === undefined || start === "" || now === start;
}

/** Clock ticks since boot at which a process began, from Linux's /proc; undefined elsewhere. "dead" for a zombie. */
function startedAt(pid: number): string | undefined {
  try {
    // The second field, the name in brackets, may itself hold spaces and brackets.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? "dead" : fields[19];
  } catch {
    return undefined;
  }
}

function hasCode(cause: unknown, code: string): boolean {
  return cause instanceof Error && "code" in cause && cause.code === code;
}
