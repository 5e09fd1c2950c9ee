import type { Admitted, WholeAnswer } from "../core/exchange.ts";
import { wires } from "../wire/registry.ts";
import { fromCacheEntry } from "./cache-entry.ts";

/** The exact cache's answer, read by the admission call; no I/O of its own. */
export function recall(exchange: Admitted): WholeAnswer | undefined {
  if (exchange.cached === undefined) return undefined;
  const answer = fromCacheEntry(exchange.cached, wires);
  exchange.notes.decisions.push({ step: "recall", decision: answer ? "hit" : "unreadable" });
  return answer;
}
