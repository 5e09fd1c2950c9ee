import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A data directory that this process alone may use. */
export interface DataDir {
  /** Where PGlite keeps its files. */
  readonly files: string;
  /** To be called when the database has opened: until then, its files count as half made. */
  markReady(): void;
  release(): void;
}

/**
 * Takes a data directory. PGlite itself guards neither against two processes on one directory, which would corrupt it,
 * nor against a kill in the middle of creating it; a lock file with the owner's process id and a marker do.
 * Throws one clear line when another living process holds the directory.
 */
export function takeDataDir(path: string): DataDir {
  mkdirSync(path, { recursive: true });
  const lock = join(path, "endpoint.pid");
  takeLock(lock, path);
  const files = join(path, "pgdata");
  const marker = join(path, "ready");
  if (!existsSync(marker)) rmSync(files, { recursive: true, force: true });
  return {
    files,
    markReady: () => writeFileSync(marker, "The files in pgdata are complete.\n"),
    release: () => rmSync(lock, { force: true }),
  };
}

function takeLock(lock: string, path: string): void {
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: "wx" });
      return;
    } catch (cause) {
      if (!hasCode(cause, "EEXIST")) throw cause;
    }
    const owner = Number(readFileSync(lock, "utf8"));
    // Our own id can only be that of an earlier process, as ids are used again after a restart of the machine or container.
    if (owner !== process.pid && isAlive(owner)) {
      throw new Error(`the data directory ${path} is in use by process ${owner}: stop it, or choose another directory`);
    }
    rmSync(lock, { force: true });
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    // EPERM: it lives, under another user.
    return hasCode(cause, "EPERM");
  }
}

function hasCode(cause: unknown, code: string): boolean {
  return cause instanceof Error && "code" in cause && cause.code === code;
}
