/**
 * Ends the stack's processes when the process that started them is gone, however it went: a SIGKILL lets nobody clean up.
 *
 * The supervisor holds the other end of this process's standard input and writes `+<pid>` and `-<pid>` lines. When the input ends, every
 * process that is still on the list is asked to stop, with its whole group, and forced two seconds later.
 */
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { isRunning, signalTree } from "./process-tree.ts";

const GRACE_MS = 2_000;
const POLL_MS = 50;

const watched = new Set<number>();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);

for await (const line of createInterface({ input: process.stdin })) {
  const pid = Number(line.slice(1));
  if (line.startsWith("+")) watched.add(pid);
  if (line.startsWith("-")) watched.delete(pid);
}
for (const pid of watched) signalTree(pid, "SIGTERM");
const deadline = Date.now() + GRACE_MS;
while (Date.now() < deadline && [...watched].some(isRunning)) await pause(POLL_MS);
for (const pid of watched) signalTree(pid, "SIGKILL");
