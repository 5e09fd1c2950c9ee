import type { BackendLoad } from "../core/load.ts";
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
