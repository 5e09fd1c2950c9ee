import * as z from "zod/mini";
import {
  ALIAS,
  BREAKER_NAME,
  DISPLAY_NAME,
  KEY_ID,
  MODEL_NAME,
  type NameRule,
  PLAIN_NAME,
  REQUEST_ID,
  TENANT,
  USER,
} from "../../../core/identifiers.ts";

/**
 * The bodies, queries and replies of the admin API: what is parsed at the door, and what `/openapi.json` is made from. Strict: a
 * field that is not here is refused by its name. No transforms, because a transform has no JSON Schema.
 */

const named = ({ pattern }: NameRule) => z.string().check(z.regex(pattern));
const displayName = z.string().check(z.minLength(1), z.maxLength(128), z.regex(DISPLAY_NAME));
const tenantName = named(TENANT);
const alias = named(ALIAS);
const plainName = named(PLAIN_NAME);
const moment = z.iso.datetime({ offset: true });
const day = z.union([z.iso.date(), moment]);
const positive = z.int().check(z.minimum(1));
const pageLimit = z.string().check(z.regex(/^([1-9]\d?|1\d\d|200)$/));
/** Scheme, host and port as a browser sends them in `Origin`; `*` for every origin. */
const origin = z.string().check(z.maxLength(255), z.regex(/^(\*|https?:\/\/[a-z0-9.-]+(:\d{1,5})?)$/));

export const keyIdSchema = named(KEY_ID);
export const requestIdSchema = named(REQUEST_ID);
export const scopeSchema = z.enum(["inference", "admin", "usage:read"]);

const levelLimits = z.strictObject({
  requestsPerMinute: z.exactOptional(positive),
  tokensPerMinute: z.exactOptional(positive),
  concurrency: z.exactOptional(positive),
  budget: z.exactOptional(
    z.strictObject({ limitNanoUsd: z.int().check(z.minimum(0)), period: z.enum(["day", "month", "total"]) }),
  ),
  refillPeriodMs: z.exactOptional(positive),
});

export const limitsSchema = z.strictObject({
  key: z.exactOptional(levelLimits),
  user: z.exactOptional(levelLimits),
  model: z.exactOptional(levelLimits),
  tenant: z.exactOptional(levelLimits),
});

export const newKeySchema = z.strictObject({
  tenant: tenantName,
  name: z.exactOptional(displayName),
  user: z.exactOptional(named(USER)),
  tier: z.exactOptional(plainName),
  scopes: z.exactOptional(z.array(scopeSchema).check(z.minLength(1), z.maxLength(3))),
  allowedModels: z.exactOptional(z.array(alias).check(z.minLength(1), z.maxLength(200))),
  expiresAt: z.exactOptional(moment),
  limits: z.exactOptional(limitsSchema),
});

export const newTenantSchema = z.strictObject({
  tenant: tenantName,
  name: z.exactOptional(displayName),
  corsOrigins: z.exactOptional(z.array(origin).check(z.maxLength(50))),
  limits: z.exactOptional(limitsSchema),
  storesResponses: z.exactOptional(z.boolean()),
});

export const tenantIdSchema = tenantName;

export const tenantChangeSchema = z.strictObject({
  disabled: z.exactOptional(z.boolean()),
  storesResponses: z.exactOptional(z.boolean()),
});

export const keyListQuery = z.strictObject({
  tenant: z.exactOptional(tenantName),
  limit: z.exactOptional(pageLimit),
  cursor: z.exactOptional(keyIdSchema),
});

export const tenantListQuery = z.strictObject({
  limit: z.exactOptional(pageLimit),
  cursor: z.exactOptional(tenantName),
});

export const usageQuery = z.strictObject({
  tenant: tenantName,
  from: z.exactOptional(day),
  to: z.exactOptional(day),
  by: z.exactOptional(z.enum(["day", "alias", "backend", "key"])),
});

export const deadQuery = z.strictObject({
  tenant: z.exactOptional(tenantName),
  limit: z.exactOptional(pageLimit),
});

export const replaySchema = z.strictObject({
  tenant: z.exactOptional(tenantName),
  requestIds: z.exactOptional(z.array(requestIdSchema).check(z.minLength(1), z.maxLength(1_000))),
});

const perMillion = z.number().check(z.minimum(0));
const price = z.strictObject({
  inputPerMillion: perMillion,
  outputPerMillion: perMillion,
  cachedInputPerMillion: z.exactOptional(perMillion),
  cacheWritePerMillion: z.exactOptional(perMillion),
  perRequest: z.exactOptional(perMillion),
});

/** Their types; whether they fit the configuration, and what is meant by a key that is none, `resolve` says. Hence loose. */
const texts = z.array(z.string());
const range = z.looseObject({ atLeast: z.exactOptional(z.number()), atMost: z.exactOptional(z.number()) });
const choice = z.looseObject({
  by: z.enum(["weight", "hash", "price", "speed"]),
  of: z.exactOptional(z.enum(["session", "user", "key", "tenant"])),
  firstTokenMs: z.exactOptional(z.number()),
  experiment: z.exactOptional(plainName),
});
const rule = z.looseObject({
  name: plainName,
  when: z.looseObject({
    tenant: z.exactOptional(texts),
    tier: z.exactOptional(texts),
    scope: z.exactOptional(texts),
    task: z.exactOptional(texts),
    metadata: z.exactOptional(z.record(z.string(), texts)),
    language: z.exactOptional(texts),
    inputTokens: z.exactOptional(range),
    complexity: z.exactOptional(range),
    tools: z.exactOptional(z.boolean()),
    images: z.exactOptional(z.boolean()),
    stream: z.exactOptional(z.boolean()),
  }),
  use: z.exactOptional(texts),
  choose: z.exactOptional(choice),
});

export const overlaySchema = z.strictObject({
  version: positive,
  weights: z.exactOptional(z.record(alias, z.array(z.number().check(z.minimum(0))))),
  disabledBackends: z.exactOptional(z.array(plainName)),
  breakers: z.exactOptional(z.record(named(BREAKER_NAME), z.enum(["open", "closed"]))),
  tiers: z.exactOptional(z.record(plainName, limitsSchema)),
  prices: z.exactOptional(z.record(plainName, z.record(named(MODEL_NAME), price))),
  rules: z.exactOptional(z.record(alias, z.array(rule))),
  choose: z.exactOptional(z.record(alias, choice)),
  degradation: z.exactOptional(z.record(z.union([alias, z.literal("*")]), z.enum(["full", "reduced", "emergency"]))),
});
