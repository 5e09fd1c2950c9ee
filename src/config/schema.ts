// Longer than most: the whole shape of a configuration file stands in one place.
import { z } from "zod";
import { looksLikeCredential } from "../core/credentials.ts";
import { QUIRK_NAMES, WIRE_NAMES } from "../core/formats.ts";
import { ALIAS, MODEL_NAME, type NameRule, PLAIN_NAME } from "../core/identifiers.ts";
import { TOKENIZER_FAMILIES } from "../core/tokenizers.ts";
import { TRIGGERS } from "../core/triggers.ts";
import { breaker } from "./breaker-schema.ts";
import { health } from "./health-schema.ts";
import { count, milliseconds, share } from "./schema-numbers.ts";
import { seats } from "./seats-schema.ts";

/**
 * The shape of a configuration file, before defaults and cross references. Used at build time in Node only: the Worker holds what
 * `compile.ts` makes of it. Unknown keys are refused everywhere.
 */

/** Variables of the gateway itself. No backend may name them: they never leave for another host. */
export const OWN_VARIABLES: ReadonlySet<string> = new Set([
  "UPSTASH_REDIS_REST_URL",
  "UPSTASH_REDIS_REST_TOKEN",
  "DATABASE_URL",
  "DATABASE_ADMIN_URL",
  "NEON_FETCH_ENDPOINT",
  "KEY_PEPPER",
  "ADMIN_KEY",
  "METRICS_TOKEN",
]);

/** Outbound headers that the transport or the wire sets; configuring them would smuggle or break requests. */
const RESERVED_HEADERS = new Set(
  "authorization x-api-key host content-length content-type transfer-encoding connection keep-alive te trailer upgrade accept accept-encoding cookie".split(
    " ",
  ),
);

const dollars = z.number({ error: "must be a number of US dollars" }).nonnegative({ error: "must not be negative" });

/** A name of an environment variable or secret. The message never repeats the value: it may be the secret itself. */
const variableName = z
  .string()
  .refine((text) => /^[A-Z][A-Z0-9_]{1,63}$/.test(text) && !looksLikeCredential(text), {
    error: "must be the NAME of a variable or secret in UPPER_SNAKE_CASE, never its value",
    abort: true,
  })
  .refine((text) => !OWN_VARIABLES.has(text), {
    error: "is a variable of the gateway itself, which never leaves for a backend",
  });

function urlProblem(text: string): string | undefined {
  if (!URL.canParse(text)) return "must be an absolute http(s) URL";
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:") return "must be an http(s) URL";
  if (url.username !== "" || url.password !== "") return "must not hold credentials; name them as secrets";
  if (url.search !== "" || url.hash !== "") return "must have neither a query nor a fragment";
  return undefined;
}

const baseUrlText = z.string().superRefine((text, context) => {
  const problem = urlProblem(text);
  if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
});

const price = z.strictObject({
  inputPerMillion: dollars,
  outputPerMillion: dollars,
  cachedInputPerMillion: dollars.optional(),
  cacheWritePerMillion: dollars.optional(),
  perRequest: dollars.optional(),
});

const deadlines = z.strictObject({
  connectMs: milliseconds.optional(),
  firstTokenMs: milliseconds.optional(),
  silenceMs: milliseconds.optional(),
  totalMs: milliseconds.optional(),
});

const named = ({ pattern, says }: NameRule) => z.string().regex(pattern, { error: says });
const identifier = named(PLAIN_NAME);
const alias = named(ALIAS);
const modelName = named(MODEL_NAME);

const header = z
  .strictObject({
    value: z
      .string()
      .regex(/^[\x20-\x7e]*$/, { error: "must be printable ASCII" })
      .refine((text) => !looksLikeCredential(text), {
        error: "looks like a credential; put it into a secret and name that",
      })
      .optional(),
    secret: variableName.optional(),
  })
  .refine((header) => (header.value === undefined) !== (header.secret === undefined), {
    error: "needs either `value` or `secret`",
  });

const headerName = z
  .string()
  .regex(/^[A-Za-z0-9-]{1,64}$/, { error: "must be a header's name" })
  .refine((name) => !RESERVED_HEADERS.has(name.toLowerCase()), { error: "is set by the gateway" });

/** How a model counts its tokens. */
const tokenizer = z.enum(TOKENIZER_FAMILIES, { error: `must be one of ${TOKENIZER_FAMILIES.join(", ")}` });

const backend = z.strictObject({
  /** Filled in before this is read; see presets.ts. */
  preset: z.string().optional(),
  formats: z
    .array(z.enum(WIRE_NAMES, { error: `must be one of ${WIRE_NAMES.join(", ")}` }))
    .min(1, { error: "needs at least one format" }),
  transport: z.enum(["fetch", "workers-ai"], { error: "must be one of fetch, workers-ai" }).optional(),
  /** Needed by `fetch` alone. */
  baseUrl: z
    .strictObject({ env: variableName.optional(), default: baseUrlText.optional(), url: baseUrlText.optional() })
    .refine((url) => (url.env === undefined) !== (url.url === undefined), { error: "needs either `env` or `url`" })
    .refine((url) => url.url === undefined || url.default === undefined, { error: "`default` belongs to `env`" })
    .optional(),
  auth: z
    .strictObject({
      scheme: z.enum(["bearer", "x-api-key", "none"], { error: "must be one of bearer, x-api-key, none" }),
      secret: variableName.optional(),
      optional: z.boolean({ error: "must be true or false" }).optional(),
    })
    .refine((auth) => (auth.scheme === "none") === (auth.secret === undefined), {
      error: "needs a `secret`, unless the scheme is none",
    })
    .optional(),
  headers: z.record(headerName, header).optional(),
  quirks: z.array(z.enum(QUIRK_NAMES, { error: `must be one of ${QUIRK_NAMES.join(", ")}` })).optional(),
  imageUrls: z.enum(["pass", "https-only", "refuse"], { error: "must be one of pass, https-only, refuse" }).optional(),
  priorityScheduling: z.boolean({ error: "must be true or false" }).optional(),
  collectJson: z
    .enum(["always", "overDeadline", "never"], { error: "must be one of always, overDeadline, never" })
    .optional(),
  deadlines: deadlines.optional(),
  breaker: breaker.optional(),
  seats: seats.optional(),
  health: health.optional(),
  /** For every model of this backend that is not listed below. */
  price: price.optional(),
  models: z
    .record(
      modelName,
      z.strictObject({ price: price.optional(), contextTokens: count.optional(), tokenizer: tokenizer.optional() }),
    )
    .optional(),
});

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
  hedge: z.strictObject({ afterMs: milliseconds }).optional(),
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
