import type { BreakerState } from "../core/breaker.ts";
import type { Route } from "../core/config.ts";
import { DEGRADATION_LEVELS } from "../core/degradation.ts";
import type { BackendLoad } from "../core/load.ts";
import { fieldOf } from "../telemetry/metrics.ts";
import { healthOf } from "./degrade.ts";
import type { Gateway } from "./gateway.ts";

/** What of an isolate says at which level it would serve a route. */
export type LevelView = Pick<Gateway, "config" | "clock" | "availableBackends"> & {
  readonly routeLevels: Pick<Gateway["routeLevels"], "wouldBe">;
};

/**
 * The level of each route that may degrade, as `/metrics` prints it: what the next request of the isolate that is asked would get, if that isolate knew all
 * that Redis does. Nothing of routes that are always served in full.
 */
export function levelGauges(
  { config: current, routeLevels, clock, availableBackends }: LevelView,
  breakers: ReadonlyMap<string, BreakerState | undefined>,
  loads: Readonly<Record<string, BackendLoad>>,
): Readonly<Record<string, number>> {
  const config = current();
  const health = {
    clock,
    availableBackends,
    breakers: { state: (name: string) => breakers.get(name) },
    loads: { of: (name: string) => loads[name] },
  };
  const levelOf = (route: Route) => {
    const { alias, degradation, levelByHand } = route;
    return levelByHand ?? (degradation && routeLevels.wouldBe(alias, degradation, healthOf(route, config, health)));
  };
  const gauges: Record<string, number> = {};
  for (const route of Object.values(config.routes)) {
    const level = levelOf(route);
    if (level) gauges[fieldOf("gateway_degradation_level", { route: route.alias })] = DEGRADATION_LEVELS.indexOf(level);
  }
  return gauges;
}
