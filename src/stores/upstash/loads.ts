import { type BackendLoad, loadText, parseLoad } from "../../core/load.ts";
import type { SharedState } from "../../core/ports.ts";
import { parseSeatsLoad, type SeatsLoad, seatsLoadText } from "../../core/seats-load.ts";
import { loadKey, seatsKey } from "./keys.ts";
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
export async function readLoads(
  link: Link,
  backends: readonly string[],
): Promise<(Pick<SharedState, "loads"> & { readonly seats: Readonly<Record<string, SeatsLoad>> }) | undefined> {
  const seats: Record<string, SeatsLoad> = {};
  if (backends.length === 0) return { seats };
  const answer = await link.run([["MGET", ...backends.map(loadKey), ...backends.map(seatsKey)]]);
  const values: unknown = answer.ok ? answer.replies[0]?.result : undefined;
  if (!Array.isArray(values)) return undefined;
  for (const [index, backend] of backends.entries()) {
    const standing = parseSeatsLoad(values[backends.length + index]);
    if (standing) seats[backend] = standing;
  }
  return { ...loadsOf(backends, values), seats };
}

/** Both are kept for as long as the load is fresh. False where they could not be written. */
export async function writeLoad(link: Link, backend: string, load: BackendLoad, seats?: SeatsLoad): Promise<boolean> {
  const freshMs = String(Math.max(1, load.freshUntil - load.readAt));
  const answer = await link.run([
    ["SET", loadKey(backend), loadText(load), "PX", freshMs],
    ...(seats ? [["SET", seatsKey(backend), seatsLoadText(seats), "PX", freshMs] as const] : []),
  ]);
  return answer.ok && answer.replies.every(({ error }) => error === undefined);
}
