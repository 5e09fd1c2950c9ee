import { breakerName, breakerOf } from "../core/breaker.ts";
import { type Config, modelNameOf } from "../core/config.ts";
import type { Admitted } from "../core/exchange.ts";
import type { SpeedReport } from "../core/ports.ts";
import { armOf, measures, pick } from "../routing/choose.ts";
import { leaveProbe } from "./breaker-reports.ts";
import { cacheKeyFor } from "./cache-plan.ts";
import { mayBeAsked } from "./degrade.ts";
import type { Gateway } from "./gateway.ts";

/** For the moving average of the time to the first token. */
const NEVER_MS = 60_000;

const NONE: ReadonlySet<string> = new Set();
const measured = new WeakMap<Config, ReadonlySet<string>>();

/** The targets whose speed some choice of the configuration goes by, by name; worked out once. */
function measuredIn(config: Config): ReadonlySet<string> {
  let names = measured.get(config);
  if (!names) {
    const routes = Object.values(config.routes).filter(({ choose, rules = [] }) =>
      [choose, ...rules.map((rule) => rule.choose)].some((choice) => choice && measures(choice)),
    );
    names = routes.length === 0 ? NONE : new Set(routes.flatMap(({ targets }) => targets.map(breakerOf)));
    measured.set(config, names);
  }
  return names;
}

/**
 * What the attempts of a request say about how quick their backends are. The isolate hears all. The others are told by requests that were chosen so: what
 * Redis knew was read in their own admission, and goes on from there. And of answers alone: one failure is no reason for everybody to go elsewhere until
 * it is forgotten, and for more there are breakers.
 */
export function speedReports({ config, notes, compared }: Admitted, { speeds }: Gateway): readonly SpeedReport[] {
  const names = measuredIn(config);
  if (names.size === 0) return [];
  return notes.attempts.flatMap(({ backend, model, outcome, firstTokenMs, durationMs }) => {
    const name = breakerName(backend, model);
    if (!names.has(name)) return [];
    // A whole answer has its first token at its end; one that never came is as slow as can be, however soon it failed.
    const ms = firstTokenMs ?? (outcome === "completed" ? durationMs : outcome === "failed" ? NEVER_MS : undefined);
    const mayTell = outcome !== "failed" && compared?.names.includes(name) === true;
    const told = ms === undefined ? undefined : speeds.learn(name, ms, mayTell);
    return told ? [{ name, speed: told }] : [];
  });
}

/**
 * The request for the target that it would have been for, had the isolate known before what Redis has just told it: an isolate that has just begun
 * chooses as one that has not. Asked only where something was not known. What the cache has of the other target is not given.
 */
export async function chosenAnew(exchange: Admitted, gateway: Gateway): Promise<Admitted> {
  const { compared, drawn, inputTokens, notes, route } = exchange;
  if (!compared?.isGuess) return exchange;
  const { targets, choice } = compared;
  const { target, by } = pick(targets, choice, route, {
    inputTokens,
    firstTokenMs: (of) => gateway.speeds.firstTokenMs(breakerOf(of)),
    mayBeAsked: (of) => mayBeAsked(of, exchange.config, gateway),
    // Choices by speed draw no lots.
    random: () => 0,
    subject: () => undefined,
  });
  if (!target || target === drawn) return exchange;
  // A probe that came with admission is not made by this request, or not first.
  if (drawn) leaveProbe({ target: drawn }, exchange, gateway);
  notes.decisions.push({ step: "route", decision: by, reason: `shared=${target.backend}/${modelNameOf(target)}` });
  const { cached: _, cache, routing, ...rest } = exchange;
  const key = cache.key === undefined ? undefined : await cacheKeyFor(rest, { ...rest, arm: target }, gateway);
  return {
    ...rest,
    drawn: target,
    routing: { ...routing, by, ...armOf(choice, target) },
    cache: key === undefined ? cache : { ...cache, key },
  };
}
