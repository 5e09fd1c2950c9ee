import type { Admitted, WholeAnswer } from "../core/exchange.ts";
import { wires } from "../wire/registry.ts";
import { fromCacheEntry } from "./cache-entry.ts";

/** The exact cache's answer, read by the admission call; no I/O of its own. */
export function recall(exchange: Admitted): WholeAnswer | undefined {
  const { cache, cached, notes } = exchange;
  if (cache.key === undefined || !cache.read) return undefined;
  const answer = cached === undefined ? undefined : fromCacheEntry(cached, wires);
  notes.decisions.push({ step: "recall", decision: answer ? "hit" : cached === undefined ? "miss" : "unreadable" });
  return answer;
}
