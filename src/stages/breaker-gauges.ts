import { type BreakerState, byHand } from "../core/breaker.ts";
import { type Config, modelNameOf, type Target } from "../core/config.ts";
import { phaseOf } from "../routing/breaker.ts";
import { fieldOf } from "../telemetry/metrics.ts";

const VALUES = { closed: 0, "half-open": 1, open: 2 } as const;

/** The breakers of these targets as `/metrics` prints them: state by state, those that an operator holds as they are held. */
export function breakerGauges(
  targets: readonly Target[],
  states: readonly BreakerState[],
  config: Config,
  now: number,
): Readonly<Record<string, number>> {
  const gauges: Record<string, number> = {};
  for (const [index, target] of targets.entries()) {
    const state = states[index];
    const labels = { backend: target.backend, model: modelNameOf(target) };
    const hand = byHand(config, target);
    // While a probe is out, the breaker looks open to everybody else.
    const phase = hand === undefined && state?.holder !== undefined ? "half-open" : phaseOf(state, now, hand);
    gauges[fieldOf("gateway_breaker_state", labels)] = VALUES[phase];
    if (hand !== undefined) gauges[fieldOf("gateway_breaker_by_hand", labels)] = 1;
  }
  return gauges;
}
