import type { Backend, Config, Route, Target } from "../../../src/core/config.ts";
import type { Price } from "../../../src/core/money.ts";

const FREE: Price = { inputPerMillion: 0, outputPerMillion: 0 };

export function backend(name: string, formats: Backend["formats"] = ["openai-chat"]): Backend {
  return {
    name,
    formats,
    transport: "fetch",
    baseUrl: { url: `https://${name}.example` },
    auth: { scheme: "none", optional: true },
    headers: {},
    quirks: [],
    imageUrls: "https-only",
    priorityScheduling: false,
    collectJson: "never",
    deadlines: { connectMs: 5_000, firstTokenMs: 30_000, silenceMs: 20_000, totalMs: 900_000 },
    breaker: {
      failures: 3,
      errorRate: { share: 0.5, windowMs: 60_000, minimum: 20 },
      probes: 2,
      openMs: 10_000,
      maxOpenMs: 120_000,
    },
    models: {},
  };
}

export function target(name: string, weight = 1, price: Price = FREE): Target {
  return { backend: name, model: { name: `${name}-model` }, weight, price };
}

export function route(
  targets: readonly Target[],
  fallbacks: readonly Target[] = [],
  changes: Partial<Route> = {},
): Route {
  return {
    alias: "chat",
    operation: "chat",
    targets,
    fallbacks,
    maxOutputTokens: 100,
    maxInputTokens: 100,
    cache: { mode: "auto", ttlSeconds: 60 },
    delayBudgetMs: 60_000,
    maxAttempts: 5,
    holdHeadersMs: 10_000,
    keepAliveMs: 10_000,
    cancelOnDisconnect: true,
    ...changes,
  };
}

export function config(backends: readonly Backend[], disabled: readonly string[] = []): Config {
  return {
    version: "0",
    backends: Object.fromEntries(backends.map((one) => [one.name, one])),
    routes: {},
    tiers: {},
    defaultTier: "free",
    limits: { bodyBytes: 1, jsonDepth: 1, undeclaredBodyMs: 1 },
    snapshotMaxAgeMs: 1,
    stores: { redisMs: 1, redisConnectMs: 1, postgresMs: 1 },
    addressGuardPerMinute: 1,
    budgetQuarantineMs: 1,
    leaseMarginMs: 1,
    localLimitShare: 0,
    overlayVersion: 0,
    disabledBackends: new Set(disabled),
    breakersByHand: new Map(),
  };
}
