import type { Config } from "../core/config.ts";
import type { BackendLoad } from "../core/load.ts";
import type { SeatsLoad } from "../core/seats-load.ts";
import { fieldOf } from "../telemetry/metrics.ts";

/** What backends said of themselves, as `/metrics` prints it. Nothing of those that nobody has asked lately. */
export function loadGauges(loads: Readonly<Record<string, BackendLoad>> = {}): Readonly<Record<string, number>> {
  const gauges: Record<string, number> = {};
  for (const [backend, { up, running, waiting, kvCache, prefixHits }] of Object.entries(loads)) {
    const kinds = { up: up ? 1 : 0, running, waiting, kv_cache: kvCache, prefix_hits: prefixHits };
    for (const [kind, value] of Object.entries(kinds))
      if (value !== undefined) gauges[fieldOf("gateway_backend_load", { backend, kind })] = value;
  }
  return gauges;
}

/** How seats stood when their backends were last asked. Tiers of one rank wait in one line, and are named together. */
export function seatsGauges(
  standings: Readonly<Record<string, SeatsLoad>>,
  { tiers }: Pick<Config, "tiers">,
): Readonly<Record<string, number>> {
  const gauges: Record<string, number> = {};
  for (const [backend, { waiting, ...seats }] of Object.entries(standings)) {
    for (const [kind, value] of Object.entries(seats)) gauges[fieldOf("gateway_seats", { backend, kind })] = value;
    for (const [rank, value] of Object.entries(waiting)) {
      const named = Object.values(tiers).filter(({ vllmPriority = 0 }) => String(vllmPriority) === rank);
      const tier = named.map(({ name }) => name).join(",") || rank;
      gauges[fieldOf("gateway_seats_waiting", { backend, tier })] = value;
    }
  }
  return gauges;
}
