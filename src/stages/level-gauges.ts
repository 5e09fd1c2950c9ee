import type { Config, Route } from "../core/config.ts";
import { DEGRADATION_LEVELS } from "../core/degradation.ts";
import { fieldOf } from "../telemetry/metrics.ts";
import { type HealthView, healthOf } from "./degrade.ts";
import type { Gateway } from "./gateway.ts";

/**
 * The level of each route that may degrade, as `/metrics` prints it: what the next request of the isolate that is asked would get, if that isolate knew all
 * that Redis does. Nothing of routes that are always served in full.
 */
export function levelGauges(
  config: Config,
  health: HealthView,
  routeLevels: Pick<Gateway["routeLevels"], "wouldBe">,
): Readonly<Record<string, number>> {
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
