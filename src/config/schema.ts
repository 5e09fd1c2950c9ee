import { z } from "zod";
import { TRIGGERS } from "../core/triggers.ts";
import { backend } from "./backend-schema.ts";
import { count, milliseconds, share } from "./schema-numbers.ts";
import { alias, deadlines, dollars, identifier, modelName, price, tokenizer, variableName } from "./schema-parts.ts";

/**
 * The shape of a configuration file, before defaults and cross references. Used at build time in Node only: the Worker holds what
 * `compile.ts` makes of it. Unknown keys are refused everywhere.
 */

/** `gpt-5-mini`, or `{env: VLLM_MODEL, default: …}`. */
const model = z.preprocess(
  (value) => (typeof value === "string" ? { name: value } : value),
  z
    .strictObject({ name: modelName.optional(), env: variableName.optional(), default: modelName.optional() })
    .refine(
      ({ name, env, default: unset }) =>
        name === undefined ? env !== undefined && unset !== undefined : env === undefined && unset === undefined,
      { error: "must be a model's name, or both `env` and `default`" },
    ),
);

/** What leads to a step of the chain. */
const triggers = z
  .array(z.enum(TRIGGERS, { error: `must be one of ${TRIGGERS.join(", ")}` }))
  .min(1, { error: "needs at least one; a step that nothing leads to is never taken" });

const fallback = z.strictObject({
  backend: z.string(),
  model,
  price: price.optional(),
  tokenizer: tokenizer.optional(),
  contextTokens: count.optional(),
  on: triggers.optional(),
  delayBudgetMs: milliseconds.optional(),
  priceCeiling: price.optional(),
});

const target = fallback.extend({
  name: identifier.optional(),
  weight: z.number({ error: "must be a number" }).nonnegative({ error: "must not be negative" }).optional(),
});

/** What a route serves where it cannot serve in full; degradation.ts checks what it names. */
const degradation = z.strictObject({
  reduced: z.strictObject({ use: z.array(identifier).min(1, { error: "needs at least one target" }) }).optional(),
  emergency: z
    .strictObject({
      answer: z
        .string()
        .min(1, { error: "must not be empty" })
        .max(4_000, { error: "must be at most 4000 characters" })
        .optional(),
    })
    .optional(),
  upAfterMs: milliseconds.optional(),
  errorRate: z
    .strictObject({
      share: z
        .number({ error: "must be a number" })
        .positive({ error: "must be larger than 0" })
        .max(1, { error: "must be at most 1" })
        .optional(),
      windowMs: milliseconds.optional(),
      minimum: count.optional(),
    })
    .optional(),
});

const route = z.strictObject({
  // Tokens are counted for the aliases of chat routes: there is no route for counting alone.
  operation: z
    .enum(["chat", "complete", "embed", "rerank"], { error: "must be one of chat, complete, embed, rerank" })
    .optional(),
  description: z.string().optional(),
  targets: z.array(target).min(1, { error: "needs at least one target" }),
  fallbacks: z.array(fallback).optional(),
  /** Read by route-rules.ts, as those of the overlay are. */
  rules: z.array(z.unknown()).optional(),
  choose: z.unknown().optional(),
  /** Of every step that names none itself. */
  fallbackOn: triggers.optional(),
  priceCeiling: price.optional(),
  hedge: z
    .strictObject({ afterMs: milliseconds, share: share.positive({ error: "must be larger than 0" }).optional() })
    .optional(),
  maxOutputTokens: count.optional(),
  maxInputTokens: count.optional(),
  exactTokens: z.boolean({ error: "must be true or false" }).optional(),
  cache: z
    .strictObject({
      mode: z.enum(["auto", "on", "off"], { error: "must be one of auto, on, off" }).optional(),
      ttlSeconds: count.optional(),
    })
    .optional(),
  delayBudgetMs: milliseconds.optional(),
  maxAttempts: count.max(10, { error: "must be at most 10" }).optional(),
  holdHeadersMs: milliseconds.optional(),
  keepAliveMs: milliseconds.optional(),
  deadlines: deadlines.optional(),
  validateStructured: z
    .strictObject({
      repairs: z
        .int({ error: "must be 0, 1 or 2" })
        .min(0, { error: "must be 0, 1 or 2" })
        .max(2, { error: "must be 0, 1 or 2" }),
    })
    .optional(),
  continueStreams: z
    .strictObject({
      attempts: z
        .int({ error: "must be 1, 2 or 3" })
        .min(1, { error: "must be 1, 2 or 3" })
        .max(3, { error: "must be 1, 2 or 3" }),
    })
    .optional(),
  degradation: degradation.optional(),
  cancelOnDisconnect: z.boolean({ error: "must be true or false" }).optional(),
});

const levelLimits = z.strictObject({
  requestsPerMinute: count.optional(),
  tokensPerMinute: count.optional(),
  concurrency: count.optional(),
  refillPeriodMs: count.optional(),
  budget: z
    .strictObject({
      limitUsd: dollars,
      period: z.enum(["day", "month", "total"], { error: "must be one of day, month, total" }),
    })
    .optional(),
});

const tier = z.strictObject({
  description: z.string().optional(),
  vllmPriority: z
    .int({ error: "must be a whole number" })
    .min(-1000, { error: "must be from -1000 to 1000" })
    .max(1000, { error: "must be from -1000 to 1000" })
    .optional(),
  key: levelLimits.optional(),
  user: levelLimits.optional(),
  model: levelLimits.optional(),
  tenant: levelLimits.optional(),
});

export const fileSchema = z.strictObject({
  backends: z.record(identifier, backend),
  routes: z.record(alias, route),
  tiers: z.record(identifier, tier),
  defaultTier: z.string(),
  limits: z
    .strictObject({
      bodyBytes: count.optional(),
      jsonDepth: count.optional(),
      undeclaredBodyMs: milliseconds.optional(),
    })
    .optional(),
  snapshotMaxAgeMs: milliseconds.optional(),
  stores: z
    .strictObject({
      redisMs: milliseconds.optional(),
      redisConnectMs: milliseconds.optional(),
      postgresMs: milliseconds.optional(),
    })
    .optional(),
  addressGuardPerMinute: count.optional(),
  budgetQuarantineMs: milliseconds.optional(),
  leaseMarginMs: milliseconds.optional(),
  localLimitShare: share.optional(),
});

export type ConfigFile = z.infer<typeof fileSchema>;
export type BackendFile = ConfigFile["backends"][string];
export type RouteFile = ConfigFile["routes"][string];
export type TargetFile = RouteFile["targets"][number];
export type LevelLimitsFile = z.infer<typeof levelLimits>;
