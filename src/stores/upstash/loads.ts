import { type BackendLoad, loadText, parseLoad } from "../../core/load.ts";
import type { SharedState } from "../../core/ports.ts";
import { loadKey } from "./keys.ts";
import type { Link } from "./link.ts";

/** What an MGET said of these backends; nothing of those that Redis has no word of. */
export function loadsOf(backends: readonly string[], values: readonly unknown[]): Pick<SharedState, "loads"> {
  if (backends.length === 0) return {};
  const loads: Record<string, BackendLoad> = {};
  for (const [index, backend] of backends.entries()) {
    const load = parseLoad(values[index]);
    if (load) loads[backend] = load;
  }
  return { loads };
}

/** For whoever only looks; undefined where the store is away. */
export async function readLoads(link: Link, backends: readonly string[]): Promise<SharedState["loads"]> {
  if (backends.length === 0) return {};
  const answer = await link.run([["MGET", ...backends.map(loadKey)]]);
  const values: unknown = answer.ok ? answer.replies[0]?.result : undefined;
  return Array.isArray(values) ? loadsOf(backends, values).loads : undefined;
}

/** Kept for as long as it is fresh. False where it could not be written. */
export async function writeLoad(link: Link, backend: string, load: BackendLoad): Promise<boolean> {
  const freshMs = Math.max(1, load.freshUntil - load.readAt);
  const answer = await link.run([["SET", loadKey(backend), loadText(load), "PX", String(freshMs)]]);
  return answer.ok && answer.replies[0]?.error === undefined;
}
