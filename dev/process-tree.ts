import { spawnSync } from "node:child_process";

/** Sends a signal to a process that leads a group of its own, and to all of that group. Nothing happens when it is gone. */
export function signalTree(pid: number, signal: "SIGINT" | "SIGTERM" | "SIGKILL"): void {
  if (process.platform === "win32") {
    // Windows knows neither groups nor SIGTERM for console programs: the tree is ended at once.
    spawnSync("taskkill", ["/pid", String(pid), "/t", "/f"], { stdio: "ignore", windowsHide: true });
    return;
  }
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

/** Whether a process with this id exists. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !isGone(error);
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ESRCH";
}
