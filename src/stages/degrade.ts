import { breakerOf, byHand } from "../core/breaker.ts";
import type { Config, Route, Target } from "../core/config.ts";
import { type Degraded, NOBODY } from "../core/degradation.ts";
import type { AnswerOrigin, Continued, Resolved } from "../core/exchange.ts";
import { type Failure, isOfBackends } from "../core/failure.ts";
import { loadStateOf } from "../core/load.ts";
import type { RouteRule } from "../core/route-rules.ts";
import { phaseOf } from "../routing/breaker.ts";
import { type Chosen, widenedBy } from "../routing/choose.ts";
import { bestOf, type Evidence, type Health } from "../routing/degradation.ts";
import type { Gateway } from "./gateway.ts";

/**
 * The level at which a request is served; undefined: in full. What operators set by hand goes above all. Fails open: what is not known to be unwell
 * counts as well.
 */
export function degradedOf(
  exchange: Continued,
  route: Route,
  rule: RouteRule | undefined,
  config: Config,
  gateway: Gateway,
): Degraded | undefined {
  const { controls, draft, notes } = exchange;
  // A count has a deadline of its own, and an estimate behind it.
  if (draft.operation === "tokenize") return undefined;
  const found = levelOf(route, config, gateway);
  if (!found) return undefined;
  const { level, cause, isWorthProbing } = found;
  const kept = keptFull(found, route, rule, controls.noFallback);
  notes.decisions.push({ step: "degrade", decision: kept ? "full" : level, reason: kept ?? cause });
  if (kept) return undefined;
  const probes = isWorthProbing && gateway.routeLevels.mayProbe(route.alias);
  if (probes) notes.decisions.push({ step: "degrade", decision: "probe" });
  return { level, cause, probes };
}

/** A request that was to find out and asked nobody leaves its turn to the next. */
export function leaveProbe({ route, degraded, notes }: Partial<Resolved> & Pick<Continued, "notes">, gateway: Gateway) {
  if (route && degraded?.probes && notes.attemptsBegun === 0) gateway.routeLevels.unprobed(route.alias);
}

interface Level extends Pick<Degraded, "level" | "cause"> {
  readonly isWorthProbing: boolean;
}

function levelOf(route: Route, config: Config, gateway: Gateway): Level | undefined {
  const { alias, degradation, levelByHand } = route;
  if (levelByHand)
    return levelByHand === "full" ? undefined : { level: levelByHand, cause: "by_hand", isWorthProbing: false };
  if (!degradation) return undefined;
  const health = healthOf(route, config, gateway);
  const { level, cause } = gateway.routeLevels.level(alias, degradation, health);
  if (level === "full") return undefined;
  return { level, cause, isWorthProbing: level === "emergency" || health.full === "unsure" };
}

/** Why a request is served in full at a reduced level: it may have no other targets. A closed list. */
function keptFull(
  { level, cause }: Level,
  route: Route,
  rule: RouteRule | undefined,
  noFallback: boolean,
): "rule" | "no_fallback" | undefined {
  if (level !== "reduced") return undefined;
  if (rule?.use && usedBy(route, rule).length === 0) return "rule";
  return noFallback && cause !== "by_hand" ? "no_fallback" : undefined;
}

/** The names of the targets of the reduced level that the request may have: whatever a rule keeps apart stays apart. */
export function usedBy({ degradation }: Route, rule: RouteRule | undefined): readonly string[] {
  const use = degradation?.reduced?.use ?? [];
  const { use: own } = rule ?? {};
  return own ? use.filter((name) => own.includes(name)) : use;
}

/**
 * What a request that may find out if a better level is well gets, from what was chosen for it in full: the targets of both levels, and of its own
 * first the one that is to be tried.
 */
export function probing(
  chosen: Chosen,
  route: Route,
  rule: RouteRule | undefined,
  config: Config,
  gateway: Gateway,
): Pick<Chosen, "route" | "drawn"> {
  const own = chosen.route.targets.filter(({ weight }) => weight > 0);
  const untried = own.find((target) => healthOfTarget(target, config, gateway) === "unsure");
  return {
    // A rule's targets hold those that it shares with the reduced level.
    route: rule?.use ? chosen.route : widenedBy(chosen.route, usedBy(route, rule)),
    drawn: untried ?? chosen.drawn ?? own[0],
  };
}

/** What is asked of an isolate about the health of its backends. */
export type HealthView = Pick<Gateway, "clock" | "availableBackends"> & {
  readonly breakers: Pick<Gateway["breakers"], "state">;
  readonly loads: Pick<Gateway["loads"], "of">;
};

/** Of all that a route may ask, the best of each kind. */
export function healthOf(route: Route, config: Config, gateway: HealthView): Omit<Evidence, "failing"> {
  const use = route.degradation?.reduced?.use ?? [];
  const best = (targets: readonly Target[]) => bestOf(targets.map((target) => healthOfTarget(target, config, gateway)));
  return {
    full: best(route.targets.filter(({ weight }) => weight > 0)),
    reduced: best(route.targets.filter(({ name }) => name !== undefined && use.includes(name))),
    fallbacks: best(route.fallbacks),
  };
}

/** As far as this isolate knows; whoever is tried by another just now is not. */
export function mayBeAsked(
  target: Target,
  config: Config,
  { breakers, clock, loads }: Pick<Gateway, "breakers" | "clock" | "loads">,
): boolean {
  const { backend } = target;
  const [now, hand] = [clock.now(), byHand(config, target)];
  if (phaseOf(breakers.state(breakerOf(target)), now, hand) === "open") return false;
  return hand === "closed" || loadStateOf(loads.of(backend), config.backends[backend]?.health, now) !== "unhealthy";
}

/** As this isolate knows it, or as operators hold it. A backend that is switched off or not configured is unwell. */
function healthOfTarget(target: Target, config: Config, gateway: HealthView): Health {
  const { backend } = target;
  if (!gateway.availableBackends.has(backend) || config.disabledBackends.has(backend)) return "unwell";
  const [now, hand] = [gateway.clock.now(), byHand(config, target)];
  // Full is not unwell: it will serve, later.
  const isDown = loadStateOf(gateway.loads.of(backend), config.backends[backend]?.health, now) === "unhealthy";
  if (isDown && hand !== "closed") return "unwell";
  const state = gateway.breakers.state(breakerOf(target));
  switch (phaseOf(state, now, hand)) {
    case "open":
      // Open to all but the request that finds out just now.
      return hand === undefined && state?.holder !== undefined ? "unsure" : "unwell";
    case "half-open":
      return "unsure";
    case "closed":
      return "well";
  }
}

/** What the end of a request says about its route. The caller's own mistakes and departures say nothing, nor do answers that no backend gave. */
export function reportLevel(
  { route, draft, degraded, controls, notes }: Resolved & { readonly notes: { readonly attemptsBegun: number } },
  ended: { readonly failure: Failure } | { readonly origin: AnswerOrigin } | undefined,
  gateway: Gateway,
): void {
  if (!ended || !route.degradation || route.levelByHand || draft.operation === "tokenize" || controls.noFallback)
    return;
  const level = degraded?.level ?? "full";
  if ("origin" in ended) {
    if (!ended.origin.cached && ended.origin.backend !== NOBODY) gateway.routeLevels.report(route.alias, level, false);
    return;
  }
  const { failure } = ended;
  if (!isOfBackends(failure) || (notes.attemptsBegun === 0 && failure.type !== "backend_overloaded")) return;
  gateway.routeLevels.report(route.alias, level, true);
}
