import type { BaseConfig, BreakerConfig, CacheRule, Deadlines, HealthConfig, SeatsConfig } from "../core/config.ts";
import type { Degradation } from "../core/degradation.ts";

/** What stands where a configuration file says nothing. Milliseconds unless the name says otherwise. */
export const DEFAULT_DEADLINES: Deadlines = {
  connectMs: 5_000,
  firstTokenMs: 30_000,
  silenceMs: 20_000,
  totalMs: 15 * 60_000,
};

export const DEFAULT_BREAKER: BreakerConfig = {
  failures: 3,
  errorRate: { share: 0.5, windowMs: 60_000, minimum: 20 },
  probes: 2,
  openMs: 10_000,
  maxOpenMs: 120_000,
};

/** Of a backend that asks for seats; their number has no default. It spills when the whole wait is over. */
export const DEFAULT_SEATS: Omit<SeatsConfig, "count" | "spill"> = {
  queue: 100,
  maxWaitMs: 30_000,
  lowerShare: 0.1,
  tellFromMs: 2_000,
  coldAfterMs: 240_000,
};

/** Of a backend that asks for it. */
export const DEFAULT_HEALTH: HealthConfig = { everyMs: 15_000, maxWaiting: 8, maxKvCache: 0.95 };

export const DEFAULT_CACHE: CacheRule = { mode: "auto", ttlSeconds: 3_600 };

export const DEFAULT_DEGRADATION: Pick<Degradation, "upAfterMs" | "errorRate"> = {
  upAfterMs: 60_000,
  errorRate: { share: 0.5, windowMs: 30_000, minimum: 20 },
};

/** Of a route's requests may have a hedge at most. */
export const DEFAULT_HEDGE_SHARE = 0.1;

export const DEFAULT_ROUTE = {
  maxOutputTokens: 4_096,
  maxInputTokens: 128_000,
  /** Two first-token deadlines: a stalled first backend leaves the second its whole time. */
  delayBudgetMs: 60_000,
  maxAttempts: 3,
  holdHeadersMs: 10_000,
  keepAliveMs: 10_000,
  cancelOnDisconnect: true,
} as const;

export const DEFAULT_BASE: Pick<
  BaseConfig,
  "limits" | "snapshotMaxAgeMs" | "stores" | "addressGuardPerMinute" | "leaseMarginMs" | "localLimitShare"
> = {
  limits: { bodyBytes: 20 * 1024 * 1024, jsonDepth: 64, undeclaredBodyMs: 1_250 },
  snapshotMaxAgeMs: 5 * 60_000,
  stores: { redisMs: 150, redisConnectMs: 350, postgresMs: 5_000 },
  addressGuardPerMinute: 30,
  leaseMarginMs: 60_000,
  localLimitShare: 0.25,
};

/** Beyond the longest answer, what the quarantine of budgets allows for clocks and late settlements. */
export const QUARANTINE_MARGIN_MS = 60_000;

/** A copy without the members that are undefined, so that a spread over defaults keeps the defaults. */
export function defined<T extends object>(value: T | undefined): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(value ?? {}).filter(([, member]) => member !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
