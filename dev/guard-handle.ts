import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Whoever is watched ends when this process ends, even by SIGKILL. */
export interface Guard {
  watch(pid: number): void;
  forget(pid: number): void;
  /** Ends what is still watched and the guard itself. Resolves when that is done. */
  close(): Promise<void>;
}

/** Starts the guard, a small process of its own. */
export function startGuard(): Guard {
  const guard = spawn(process.execPath, [fileURLToPath(new URL("guard.ts", import.meta.url))], {
    detached: process.platform !== "win32",
    windowsHide: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  guard.stdin.on("error", () => undefined);
  const ended = new Promise<void>((resolve) => {
    guard.once("exit", () => resolve());
    guard.once("error", () => resolve());
  });
  guard.unref();
  return {
    watch: (pid) => guard.stdin.write(`+${pid}\n`),
    forget: (pid) => guard.stdin.write(`-${pid}\n`),
    async close() {
      guard.ref();
      guard.stdin.end();
      await ended;
    },
  };
}
