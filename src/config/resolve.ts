import { targetsByBreaker } from "../core/breaker.ts";
import {
  type BaseConfig,
  type BreakerByHand,
  type Config,
  type LevelLimits,
  type Limits,
  modelNameOf,
  type Overlay,
  type Route,
  type Target,
  type Tier,
} from "../core/config.ts";
import { DEGRADATION_LEVELS, type DegradationLevel } from "../core/degradation.ts";
import { isJsonObject } from "../core/json.ts";
import type { Price } from "../core/money.ts";
import { canonicalJson, fingerprint } from "./fingerprint.ts";
import { type RuleProblem, readChoice, readRules, targetNames } from "./route-rules.ts";
import { missing } from "./suggest.ts";

export interface Resolved {
  readonly config: Config;
  /** Entries of the overlay that do not fit this base: they change nothing. */
  readonly ignored: readonly Misfit[];
}

/** Where in the overlay (`weights.home`), and why not. */
export interface Misfit {
  readonly path: string;
  readonly reason: string;
}

/**
 * Base and overlay as one. Pure. The overlay comes from Redis and may be older or newer than the base, so each entry is checked
 * where it is used; one that does not fit is left out and named, and never takes a limit away.
 */
export function resolve(base: BaseConfig, overlay: Overlay | undefined): Resolved {
  const plain = {
    ...base,
    overlayVersion: 0,
    disabledBackends: new Set<string>(),
    breakersByHand: new Map<string, BreakerByHand>(),
  };
  if (overlay === undefined) return { config: plain, ignored: [] };
  if (!isCount(overlay.version))
    return { config: plain, ignored: [{ path: "version", reason: "must be a whole number from 0 on" }] };
  const ignored: Misfit[] = [];
  const held = withLevels(base.routes, overlay.degradation, ignored);
  const weighted = withWeights(held, overlay.weights, ignored);
  const routes = withPrices(withRules(weighted, base.tiers, overlay, ignored), base, overlay.prices, ignored);
  const config = {
    ...base,
    routes,
    tiers: withTiers(base.tiers, overlay.tiers, ignored),
    overlayVersion: overlay.version,
    ...meaningOf(overlay),
    disabledBackends: disabled(base, overlay.disabledBackends, ignored),
    breakersByHand: heldBreakers(base, overlay.breakers, ignored),
  };
  return { config, ignored };
}

/** The route of an alias. The alias is the caller's text: only what the configuration itself names is found. */
export function findRoute(config: Pick<BaseConfig, "routes">, alias: string): Route | undefined {
  return Object.hasOwn(config.routes, alias) ? config.routes[alias] : undefined;
}

/** `over` on top of `limits`, level by level and unit by unit; what `over` does not name stays. */
export function mergeLimits(limits: Limits, over: Limits | undefined): Limits {
  const merged: { -readonly [Level in keyof Limits]: Limits[Level] } = { ...limits };
  for (const level of LEVELS) {
    const own = over?.[level];
    if (own) merged[level] = { ...merged[level], ...own };
  }
  return merged;
}

type Routes = BaseConfig["routes"];
const LEVELS = ["key", "user", "model", "tenant"] as const;
const COUNTS = ["requestsPerMinute", "tokensPerMinute", "concurrency", "refillPeriodMs"] as const;

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
const isAmount = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value) && value >= 0;
const entriesOf = (value: unknown): [string, unknown][] => (isJsonObject(value) ? Object.entries(value) : []);

function withWeights(routes: Routes, weights: unknown, ignored: Misfit[]): Routes {
  const changed: Record<string, Route> = {};
  for (const [alias, list] of entriesOf(weights)) {
    const route = Object.hasOwn(routes, alias) ? routes[alias] : undefined;
    const fits = Array.isArray(list) && list.length === route?.targets.length && list.every(isAmount);
    const path = `weights.${alias}`;
    if (route === undefined) ignored.push({ path, reason: missing("route", alias, routes) });
    else if (!fits || !list.some((weight) => weight > 0))
      ignored.push({
        path,
        reason: `must be as many numbers as targets (${route.targets.length}), one above 0 at least`,
      });
    else
      changed[alias] = {
        ...route,
        targets: route.targets.map((target, index) => ({ ...target, weight: list[index] ?? 0 })),
      };
  }
  return { ...routes, ...changed };
}

/** One version says of answers what another says, where it only tells how well things are: what is cached must be found when a level is set by hand. */
function meaningOf({
  version: _version,
  degradation: _degradation,
  breakers: _breakers,
  ...rest
}: Overlay): Pick<Config, "overlayMeaning"> {
  return Object.keys(rest).length === 0 ? {} : { overlayMeaning: fingerprint(canonicalJson(rest)) };
}

const ALL_ROUTES = "*";

/** The levels that operators hold routes at: a route's own word before the one for all. A level that a route does not have is none for it. */
function withLevels(routes: Routes, levels: unknown, ignored: Misfit[]): Routes {
  const changed: Record<string, Route> = {};
  const entries = entriesOf(levels);
  for (const [alias, word] of [...entries].sort(([a], [b]) => Number(b === ALL_ROUTES) - Number(a === ALL_ROUTES))) {
    const level = DEGRADATION_LEVELS.find((known) => known === word);
    const named = Object.hasOwn(routes, alias) ? [routes[alias]] : [];
    const fitting = (alias === ALL_ROUTES ? Object.values(routes) : named).flatMap((route) =>
      route && level && hasLevel(route, level) ? [{ ...route, levelByHand: level }] : [],
    );
    if (fitting.length === 0) ignored.push({ path: `degradation.${alias}`, reason: noLevel(routes, alias, named[0]) });
    for (const route of fitting) changed[route.alias] = route;
  }
  return { ...routes, ...changed };
}

function noLevel(routes: Routes, alias: string, route: Route | undefined): string {
  if (alias === ALL_ROUTES) return `must be a level that some route has: ${DEGRADATION_LEVELS.join(", ")}`;
  if (route === undefined) return missing("route", alias, routes);
  return `must be a level that the route has: ${DEGRADATION_LEVELS.filter((level) => hasLevel(route, level)).join(", ")}`;
}

/** An emergency needs nothing of a route: it is a cached answer or 503. */
function hasLevel({ degradation }: Route, level: DegradationLevel): boolean {
  return level !== "reduced" || degradation?.reduced !== undefined;
}

/** Rules and choices in place of the base's; those of an alias whole, or not at all. */
function withRules(routes: Routes, tiers: BaseConfig["tiers"], { rules, choose }: Overlay, ignored: Misfit[]): Routes {
  const changed: Record<string, Route> = {};
  const routeOf = (alias: string) => changed[alias] ?? (Object.hasOwn(routes, alias) ? routes[alias] : undefined);
  for (const [alias, list] of entriesOf(rules)) {
    const route = routeOf(alias);
    const read = route && readRules(list, targetNames(route.targets), tiers);
    if (!route || !read) ignored.push({ path: `rules.${alias}`, reason: missing("route", alias, routes) });
    else if (read.problems.length > 0) ignored.push(...misfitsOf(`rules.${alias}`, read.problems));
    else changed[alias] = { ...route, rules: read.rules };
  }
  for (const [alias, value] of entriesOf(choose)) {
    const route = routeOf(alias);
    const read = readChoice(value);
    if (!route) ignored.push({ path: `choose.${alias}`, reason: missing("route", alias, routes) });
    else if (!read.choice) ignored.push(...misfitsOf(`choose.${alias}`, read.problems));
    else changed[alias] = { ...route, choose: read.choice };
  }
  return { ...routes, ...changed };
}

/** The first of them. */
const misfitsOf = (at: string, problems: readonly RuleProblem[]): readonly Misfit[] =>
  problems.slice(0, 1).map(({ path, reason }) => ({ path: [at, ...path].join("."), reason }));

function disabled(base: BaseConfig, names: unknown, ignored: Misfit[]): ReadonlySet<string> {
  const known = new Set<string>();
  for (const name of Array.isArray(names) ? names : []) {
    if (typeof name === "string" && Object.hasOwn(base.backends, name)) known.add(name);
    else
      ignored.push({
        path: `disabledBackends.${String(name)}`,
        reason: missing("backend", String(name), base.backends),
      });
  }
  return known;
}

/** Of a backend, or of a model that a route asks it for. */
function heldBreakers(base: BaseConfig, held: unknown, ignored: Misfit[]): Config["breakersByHand"] {
  const known = new Map<string, BreakerByHand>();
  const entries = entriesOf(held);
  if (entries.length === 0) return known;
  const names = targetsByBreaker(base);
  for (const [name, state] of entries) {
    const exists = names.has(name) || Object.hasOwn(base.backends, name);
    const path = `breakers.${name}`;
    if (!exists) ignored.push({ path, reason: missing("breaker", name, breakerNames(base, names)) });
    else if (state === "open" || state === "closed") known.set(name, state);
    else ignored.push({ path, reason: "must be open or closed" });
  }
  return known;
}

/** Of backends, then of their models. */
const breakerNames = (base: BaseConfig, names: ReadonlyMap<string, unknown>): ReadonlySet<string> =>
  new Set([...Object.keys(base.backends), ...names.keys()]);

function withPrices(routes: Routes, base: BaseConfig, prices: unknown, ignored: Misfit[]): Routes {
  const known = new Map<string, Price>();
  const used = new Set(
    Object.values(routes).flatMap((route) =>
      [...route.targets, ...route.fallbacks].map((target) => priceKey(target.backend, modelNameOf(target))),
    ),
  );
  for (const [backend, models] of entriesOf(prices)) {
    for (const [model, value] of entriesOf(models)) {
      const price = readPrice(value);
      const key = priceKey(backend, model);
      const path = `prices.${backend}.${model}`;
      if (!Object.hasOwn(base.backends, backend))
        ignored.push({ path, reason: missing("backend", backend, base.backends) });
      else if (!used.has(key)) ignored.push({ path, reason: `no route asks ${backend} for this model` });
      else if (price === undefined)
        ignored.push({ path, reason: "needs inputPerMillion and outputPerMillion, dollars from 0 on" });
      else known.set(key, price);
    }
  }
  if (known.size === 0) return routes;
  const priced = (target: Target): Target => ({
    ...target,
    price: known.get(priceKey(target.backend, modelNameOf(target))) ?? target.price,
  });
  return Object.fromEntries(
    Object.entries(routes).map(([alias, route]) => [
      alias,
      { ...route, targets: route.targets.map(priced), fallbacks: route.fallbacks.map(priced) },
    ]),
  );
}

const priceKey = (backend: string, model: string): string => `${backend}\n${model}`;

function readPrice(value: unknown): Price | undefined {
  if (!isJsonObject(value)) return undefined;
  const { inputPerMillion, outputPerMillion, cachedInputPerMillion, cacheWritePerMillion, perRequest } = value;
  if (!isAmount(inputPerMillion) || !isAmount(outputPerMillion)) return undefined;
  const others = { cachedInputPerMillion, cacheWritePerMillion, perRequest };
  const given = Object.entries(others).filter(([, amount]) => amount !== undefined);
  if (!given.every(([, amount]) => isAmount(amount))) return undefined;
  return { inputPerMillion, outputPerMillion, ...Object.fromEntries(given) };
}

function withTiers(tiers: BaseConfig["tiers"], changes: unknown, ignored: Misfit[]): BaseConfig["tiers"] {
  const changed: Record<string, Tier> = {};
  for (const [name, levels] of entriesOf(changes)) {
    const tier = Object.hasOwn(tiers, name) ? tiers[name] : undefined;
    if (tier === undefined) ignored.push({ path: `tiers.${name}`, reason: missing("tier", name, tiers) });
    else changed[name] = { ...tier, limits: mergeLimits(tier.limits, readLimits(levels, `tiers.${name}`, ignored)) };
  }
  return { ...tiers, ...changed };
}

function readLimits(levels: unknown, path: string, ignored: Misfit[]): Limits {
  const limits: { -readonly [Level in keyof Limits]: Limits[Level] } = {};
  for (const [name, units] of entriesOf(levels)) {
    const level = LEVELS.find((known) => known === name);
    if (level === undefined) ignored.push({ path: `${path}.${name}`, reason: `must be one of ${LEVELS.join(", ")}` });
    else limits[level] = readUnits(units, `${path}.${name}`, ignored);
  }
  return limits;
}

const NO_UNIT = `must be one of ${COUNTS.join(", ")}, or a budget of limitNanoUsd and a period (day, month, total)`;

function readUnits(units: unknown, path: string, ignored: Misfit[]): LevelLimits {
  const read: { -readonly [Unit in keyof LevelLimits]: LevelLimits[Unit] } = {};
  for (const [name, value] of entriesOf(units)) {
    const unit = COUNTS.find((known) => known === name);
    const budget = name === "budget" && isJsonObject(value) ? value : undefined;
    const period = (["day", "month", "total"] as const).find((known) => known === budget?.period);
    if (unit !== undefined && isCount(value) && value > 0) read[unit] = value;
    else if (budget && period && isCount(budget.limitNanoUsd))
      read.budget = { limitNanoUsd: budget.limitNanoUsd, period };
    else ignored.push({ path: `${path}.${name}`, reason: unit ? "must be a whole number above 0" : NO_UNIT });
  }
  return read;
}
