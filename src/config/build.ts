import type {
  Backend,
  BaseConfig,
  BreakerConfig,
  Deadlines,
  LevelLimits,
  Limits,
  Route,
  SeatsConfig,
  Target,
  Tier,
} from "../core/config.ts";
import { NANO_USD, type Price } from "../core/money.ts";
import {
  DEFAULT_BASE,
  DEFAULT_BREAKER,
  DEFAULT_CACHE,
  DEFAULT_DEADLINES,
  DEFAULT_HEALTH,
  DEFAULT_HEDGE_SHARE,
  DEFAULT_ROUTE,
  DEFAULT_SEATS,
  defined,
  QUARANTINE_MARGIN_MS,
} from "./defaults.ts";
import { buildDegradation } from "./degradation.ts";
import { readChoice, readRules, targetNames } from "./route-rules.ts";
import type { BackendFile, ConfigFile, LevelLimitsFile, RouteFile, TargetFile } from "./schema.ts";

/** File to base configuration: defaults filled in, dollars to nano-dollars. The file's references have been checked. */
export function build(file: ConfigFile): Omit<BaseConfig, "version"> {
  const backends = mapValues(file.backends, buildBackend);
  const routes = mapValues(file.routes, (route, alias) => buildRoute(route, alias, file));
  return {
    backends,
    routes,
    tiers: mapValues(file.tiers, buildTier),
    defaultTier: file.defaultTier,
    limits: { ...DEFAULT_BASE.limits, ...defined(file.limits) },
    snapshotMaxAgeMs: file.snapshotMaxAgeMs ?? DEFAULT_BASE.snapshotMaxAgeMs,
    stores: { ...DEFAULT_BASE.stores, ...defined(file.stores) },
    addressGuardPerMinute: file.addressGuardPerMinute ?? DEFAULT_BASE.addressGuardPerMinute,
    leaseMarginMs: file.leaseMarginMs ?? DEFAULT_BASE.leaseMarginMs,
    budgetQuarantineMs: file.budgetQuarantineMs ?? longestAnswerMs(file) + QUARANTINE_MARGIN_MS,
    localLimitShare: file.localLimitShare ?? DEFAULT_BASE.localLimitShare,
  };
}

/** What bounds an attempt: the defaults, the backend's own, the route's over them. */
export function deadlinesOf(backend: BackendFile | undefined, route?: RouteFile): Deadlines {
  return { ...DEFAULT_DEADLINES, ...defined(backend?.deadlines), ...defined(route?.deadlines) };
}

/** The longest that an admitted request can still be running: its slowest answer behind the whole delay budget. */
export function longestAnswerMs(file: ConfigFile): number {
  const totals = Object.values(file.routes).flatMap((route) =>
    candidatesOf(route).map(
      ({ backend }) =>
        deadlinesOf(file.backends[backend], route).totalMs * (1 + (route.validateStructured?.repairs ?? 0)) +
        (route.delayBudgetMs ?? DEFAULT_ROUTE.delayBudgetMs),
    ),
  );
  return Math.max(0, ...totals);
}

/** Targets, then fallbacks, each with where it stands in the file. */
export function candidatesOf(
  route: RouteFile,
): readonly (TargetFile & { readonly list: "targets" | "fallbacks"; readonly index: number })[] {
  return [
    ...route.targets.map((target, index) => ({ ...target, list: "targets" as const, index })),
    ...(route.fallbacks ?? []).map((target, index) => ({ ...target, list: "fallbacks" as const, index })),
  ];
}

/** The model's name as the file knows it: a variable is known by its default. */
export function nameInFile(model: TargetFile["model"]): string {
  return model.name ?? model.default ?? "";
}

/** The target's own price, else the model's, else the backend's. */
export function priceOf(target: TargetFile, backend: BackendFile | undefined): Price | undefined {
  const name = nameInFile(target.model);
  const known = backend?.models && Object.hasOwn(backend.models, name) ? backend.models[name]?.price : undefined;
  const price = target.price ?? known ?? backend?.price;
  if (price === undefined) return undefined;
  const { inputPerMillion, outputPerMillion, ...rest } = price;
  return { inputPerMillion, outputPerMillion, ...defined(rest) };
}

function ceilingOf({ priceCeiling }: Pick<RouteFile, "priceCeiling">): Price | undefined {
  if (priceCeiling === undefined) return undefined;
  const { inputPerMillion, outputPerMillion, ...rest } = priceCeiling;
  return { inputPerMillion, outputPerMillion, ...defined(rest) };
}

/** The target's own, else the model's. */
function tokenizerOf(target: TargetFile, backend: BackendFile | undefined): TargetFile["tokenizer"] {
  const name = nameInFile(target.model);
  const models = backend?.models ?? {};
  return target.tokenizer ?? (Object.hasOwn(models, name) ? models[name]?.tokenizer : undefined);
}

/** What the model can hold, as the target says, else the backend's list of models. */
export function contextOf(target: TargetFile, backend: BackendFile | undefined): number | undefined {
  const name = nameInFile(target.model);
  const models = backend?.models ?? {};
  return target.contextTokens ?? (Object.hasOwn(models, name) ? models[name]?.contextTokens : undefined);
}

/** What a route may write; nothing where its operation writes no text. */
export function mostOutputTokens({ operation = "chat", maxOutputTokens }: RouteFile): number {
  if (operation !== "chat" && operation !== "complete") return 0;
  return maxOutputTokens ?? DEFAULT_ROUTE.maxOutputTokens;
}

function buildBackend(backend: BackendFile, name: string): Backend {
  const models = Object.entries(backend.models ?? {}).flatMap(([model, info]) => {
    const price = priceOf({ backend: name, model: { name: model } }, backend);
    return price
      ? [[model, { price, ...defined({ contextTokens: info.contextTokens, tokenizer: info.tokenizer }) }]]
      : [];
  });
  return {
    name,
    formats: backend.formats,
    transport: backend.transport ?? "fetch",
    baseUrl: buildBaseUrl(backend),
    auth: {
      scheme: backend.auth?.scheme ?? "none",
      ...(backend.auth?.secret !== undefined && { secret: backend.auth.secret }),
      optional: backend.auth?.optional ?? backend.auth?.secret === undefined,
    },
    headers: Object.fromEntries(
      Object.entries(backend.headers ?? {}).map(([header, { value, secret }]) => [
        header.toLowerCase(),
        secret === undefined ? { value: value ?? "" } : { secret },
      ]),
    ),
    quirks: backend.quirks ?? [],
    // A vLLM stands in a private network: what it fetches for a stranger is fetched from inside.
    imageUrls: backend.imageUrls ?? (backend.quirks?.includes("vllm") ? "refuse" : "https-only"),
    priorityScheduling: backend.priorityScheduling ?? false,
    collectJson: backend.collectJson ?? "whereFollowed",
    deadlines: deadlinesOf(backend),
    breaker: buildBreaker(backend.breaker),
    ...(backend.seats && { seats: buildSeats(backend.seats) }),
    ...(backend.health && { health: { ...DEFAULT_HEALTH, ...defined(backend.health) } }),
    models: Object.fromEntries(models),
  };
}

/** A backend's breaker: what the file says, over the defaults. */
export function buildBreaker({ errorRate, ...rest }: NonNullable<BackendFile["breaker"]> = {}): BreakerConfig {
  return { ...DEFAULT_BREAKER, ...defined(rest), errorRate: { ...DEFAULT_BREAKER.errorRate, ...defined(errorRate) } };
}

function buildSeats({ count, spill, ...rest }: NonNullable<BackendFile["seats"]>): SeatsConfig {
  const seats = { ...DEFAULT_SEATS, ...defined(rest) };
  const { afterMs = seats.maxWaitMs, tiers } = spill ?? {};
  return { count, ...seats, spill: { afterMs, ...(tiers && { tiers }) } };
}

function buildBaseUrl({ baseUrl, transport }: BackendFile): Backend["baseUrl"] {
  if (transport === "workers-ai" || baseUrl === undefined) return { binding: "AI" };
  const { env, default: unset, url } = baseUrl;
  return env === undefined ? { url: url ?? "" } : { env, ...(unset !== undefined && { default: unset }) };
}

function buildRoute(route: RouteFile, alias: string, file: ConfigFile): Route {
  const operation = route.operation ?? "chat";
  const target = (candidate: TargetFile): Target => {
    const { name, env, default: defaultName } = candidate.model;
    const backend = file.backends[candidate.backend];
    const price = priceOf(candidate, backend);
    if (price === undefined) throw new Error(`routes.${alias}: a target without a price passed the checks`);
    return {
      ...(candidate.name !== undefined && { name: candidate.name }),
      backend: candidate.backend,
      model: env !== undefined && defaultName !== undefined ? { env, default: defaultName } : { name: name ?? "" },
      weight: candidate.weight ?? 1,
      price,
      ...defined({
        tokenizer: tokenizerOf(candidate, backend),
        contextTokens: contextOf(candidate, backend),
        on: candidate.on ?? route.fallbackOn,
        delayBudgetMs: candidate.delayBudgetMs,
        priceCeiling: ceilingOf(candidate),
      }),
    };
  };
  const deadlines = defined(route.deadlines);
  const priceCeiling = ceilingOf(route);
  return {
    alias,
    operation,
    ...(route.description !== undefined && { description: route.description }),
    targets: route.targets.map(target),
    fallbacks: (route.fallbacks ?? []).map(target),
    ...(route.rules && { rules: readRules(route.rules, targetNames(route.targets), file.tiers).rules }),
    ...defined({ choose: route.choose === undefined ? undefined : readChoice(route.choose).choice }),
    maxOutputTokens: mostOutputTokens(route),
    maxInputTokens: route.maxInputTokens ?? DEFAULT_ROUTE.maxInputTokens,
    ...(route.exactTokens === true && { exactTokens: true }),
    cache: { ...DEFAULT_CACHE, ...defined(route.cache) },
    delayBudgetMs: route.delayBudgetMs ?? DEFAULT_ROUTE.delayBudgetMs,
    ...(priceCeiling && { priceCeiling }),
    ...(route.hedge && { hedge: { afterMs: route.hedge.afterMs, share: route.hedge.share ?? DEFAULT_HEDGE_SHARE } }),
    maxAttempts: route.maxAttempts ?? DEFAULT_ROUTE.maxAttempts,
    holdHeadersMs: route.holdHeadersMs ?? DEFAULT_ROUTE.holdHeadersMs,
    keepAliveMs: route.keepAliveMs ?? DEFAULT_ROUTE.keepAliveMs,
    ...(Object.keys(deadlines).length > 0 && { deadlines }),
    ...(route.validateStructured && { validateStructured: route.validateStructured }),
    ...(route.continueStreams && { continueStreams: route.continueStreams }),
    ...defined({ degradation: buildDegradation(route) }),
    cancelOnDisconnect: route.cancelOnDisconnect ?? DEFAULT_ROUTE.cancelOnDisconnect,
  };
}

function buildTier(tier: ConfigFile["tiers"][string], name: string): Tier {
  const limits: { -readonly [Level in keyof Limits]: Limits[Level] } = {};
  for (const level of ["key", "user", "model", "tenant"] as const) {
    const own = tier[level];
    if (own) limits[level] = buildLevel(own);
  }
  return { name, ...(tier.vllmPriority !== undefined && { vllmPriority: tier.vllmPriority }), limits };
}

function buildLevel({ budget, ...units }: LevelLimitsFile): LevelLimits {
  if (budget === undefined) return defined(units);
  return { ...defined(units), budget: { limitNanoUsd: Math.round(budget.limitUsd * NANO_USD), period: budget.period } };
}

function mapValues<In, Out>(
  record: Readonly<Record<string, In>>,
  map: (value: In, key: string) => Out,
): Record<string, Out> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value, key)]));
}
