import { breakerOf } from "../core/breaker.ts";
import type { Config, Route, Target } from "../core/config.ts";
import type { Continued, Resolved } from "../core/exchange.ts";
import type { RouteDecision } from "../core/route-rules.ts";
import { type Chosen, choose } from "../routing/choose.ts";
import { ruleFor } from "../routing/rules.ts";
import { degradedOf, mayBeAsked, probing, usedBy } from "./degrade.ts";
import type { Gateway } from "./gateway.ts";
import { questionOf, subjectOf } from "./route-question.ts";

/** What a route says of one request: the targets that may answer it, the one that is to, and why. */
export interface Routed extends Pick<Resolved, "route" | "drawn" | "routing" | "compared" | "degraded"> {
  /** The target whose answers the cache may give; undefined: the route's only one. */
  readonly arm: Target | undefined;
}

/** The rule that takes the request, the level at which the route stands, and by both the target. No I/O. */
export function routeRequest(
  exchange: Continued,
  route: Route,
  config: Config,
  inputTokens: number,
  gateway: Gateway,
): Routed {
  const { rule, complexity } = ruled(exchange, route, inputTokens);
  const before = route.degradation && gateway.routeLevels.levelNow(route.alias);
  const degraded = degradedOf(exchange, route, rule, config, gateway);
  const after = before && gateway.routeLevels.levelNow(route.alias);
  const isReduced = degraded?.level === "reduced" && !degraded.probes;
  const chosen = choose(route, rule, {
    config,
    availableBackends: gateway.availableBackends,
    random: () => gateway.chance.random(),
    subject: (of) => subjectOf(exchange, of),
    firstTokenMs: (target) => gateway.speeds.firstTokenMs(breakerOf(target)),
    mayBeAsked: (target) => mayBeAsked(target, config, gateway),
    inputTokens,
    ...(isReduced && { use: usedBy(route, rule) }),
  });
  // At an emergency nobody knows yet whether this request will ask anybody.
  const isWide = degraded !== undefined && !isReduced;
  const served = isWide ? probing(chosen, route, rule, config, gateway) : chosen;
  const routing = {
    ...chosen.decision,
    ...(complexity !== undefined && { complexity }),
    ...(degraded && { level: degraded.level }),
    ...(before && after && before !== after && { levelChange: { from: before, to: after } }),
  };
  noteRouting(exchange, routing);
  // Whoever is asked in place of the chosen one is kept under its own name.
  const arm = chosen.drawn && served.drawn;
  const compared = isWide || !chosen.compared ? undefined : comparedOf(chosen.compared, gateway);
  return { route: served.route, drawn: served.drawn, arm, routing, compared, degraded };
}

function comparedOf({ targets, choice }: NonNullable<Chosen["compared"]>, { speeds }: Gateway): Resolved["compared"] {
  const names = targets.map(breakerOf);
  return { targets, names, choice, isGuess: names.some((name) => speeds.firstTokenMs(name) === undefined) };
}

/** Nothing where there was nothing to decide. */
function noteRouting({ notes }: Continued, { rule, by, experiment, arm, complexity }: RouteDecision): void {
  if (rule === undefined && by === "only-target") return;
  const reason = Object.entries({ rule, experiment, arm, complexity })
    .flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]))
    .join(" ");
  notes.decisions.push({ step: "route", decision: by, ...(reason !== "" && { reason }) });
}

/** The rule that takes the request, and its complexity where a rule asked for it. */
function ruled(exchange: Continued, { rules }: Route, inputTokens: number) {
  if (!rules) return {};
  const question = questionOf(exchange, inputTokens);
  let complexity: number | undefined;
  const rule = ruleFor(rules, {
    ...question,
    complexity() {
      const asked = question.complexity();
      complexity = asked.score;
      return asked;
    },
  });
  return { rule, complexity };
}
