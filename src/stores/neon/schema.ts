/**
 * The tables, as drizzle and drizzle-kit know them. Who may see which row (roles, row-level security) is in `migrations/`, since it
 * is written by hand there. Money is integer nano-dollars, tokens are counts; null is unknown, never zero.
 * No table holds a prompt, an answer or a key's secret.
 *
 * Over 300 lines because it is one list: the tables refer to each other, and drizzle-kit compares them as a whole.
 */
import { type SQL, sql } from "drizzle-orm";
import {
  type AnyPgColumn,
  bigint,
  boolean,
  check,
  doublePrecision,
  foreignKey,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
  timestamp,
} from "drizzle-orm/pg-core";
import type { Limits, Overlay } from "../../core/config.ts";
import type { FailureType, LimitLevel, LimitUnit } from "../../core/failure.ts";
import type { Scope } from "../../core/identity.ts";
import type { Json } from "../../core/json.ts";
import type { AttemptRecord, Decision, Outcome, WideEvent } from "../../core/wide-event.ts";
import type { Translation } from "../../core/wire.ts";

/** Properties are camelCase, columns snake_case: drizzle must be constructed with this `casing`, as drizzle-kit is. */
export const casing = "snake_case";

const moment = () => timestamp({ withTimezone: true, precision: 3 });
/** Nano-dollars read as a double: exact up to 2^53, nine million dollars in one cell. Sum in SQL, where no such bound holds. */
const nanoUsd = () => bigint({ mode: "number" });
const count = () => bigint({ mode: "number" });

/** One of a closed list of words. Text with a check, because a Postgres enum cannot lose a value in one transaction. */
function oneOf(name: string, column: AnyPgColumn, words: readonly string[]) {
  const list: SQL = sql.raw(words.map((word) => `'${word}'`).join(", "));
  return check(name, sql`${column} in (${list})`);
}

const LEVELS: readonly LimitLevel[] = ["key", "user", "model", "tenant"];

export const tenants = pgTable(
  "tenants",
  {
    id: text().primaryKey(),
    name: text(),
    /** Origins that a browser may call from; none: CORS is off. */
    corsOrigins: text().array().notNull().default([]),
    /** Limits of the tenant's own, over its keys' tiers. */
    limits: jsonb().$type<Limits>(),
    /** Whether responses are kept for it, in Redis. */
    storesResponses: boolean().notNull().default(false),
    /** From then on none of its keys works. */
    disabledAt: moment(),
    createdAt: moment().notNull().defaultNow(),
  },
  // The empty text is what `app.tenant` is while no tenant is set: it must never name one.
  (table) => [check("tenants_id_not_empty", sql`${table.id} <> ''`)],
);

/** What is known of users beyond their names. A key may name a user that has no row here. */
export const users = pgTable(
  "users",
  {
    tenantId: text()
      .notNull()
      .references(() => tenants.id),
    id: text().notNull(),
    name: text(),
    disabledAt: moment(),
    createdAt: moment().notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.tenantId, table.id] })],
);

export const apiKeys = pgTable(
  "api_keys",
  {
    /** The public part: the `<id>` of `gw_<id>_<secret>`. */
    id: text().primaryKey(),
    tenantId: text()
      .notNull()
      .references(() => tenants.id),
    userId: text(),
    name: text(),
    /** Base64url of HMAC-SHA-256(pepper, secret part). */
    hash: text().notNull(),
    pepperVersion: integer().notNull(),
    tier: text().notNull(),
    scopes: text().array().$type<Scope[]>().notNull(),
    /** Aliases; null means all. */
    allowedModels: text().array(),
    /** Limits of its own, over the tier's. */
    limits: jsonb().$type<Limits>(),
    expiresAt: moment(),
    revokedAt: moment(),
    /** Rises with every change that a holder of an older snapshot must not miss. */
    version: count().notNull().default(1),
    lastUsedAt: moment(),
    createdAt: moment().notNull().defaultNow(),
  },
  (table) => [
    index("api_keys_by_tenant").on(table.tenantId, table.createdAt, table.id),
    index("api_keys_by_age").on(table.createdAt, table.id),
  ],
);

/**
 * What requests cost, summed up for every subject and period in which one began. A trigger on `requests` keeps it in the transaction that
 * writes them (migrations), so it is true whoever writes and however often an event comes.
 */
export const spend = pgTable(
  "spend",
  {
    tenantId: text().notNull(),
    level: text().$type<LimitLevel>().notNull(),
    /** Key id, user, alias; the tenant's own id at level `tenant`. */
    subject: text().notNull(),
    /** As in Redis, in UTC: `2026-11-21`, `2026-11` or `total`. */
    period: text().notNull(),
    nanoUsd: nanoUsd().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tenantId, table.level, table.subject, table.period] }),
    oneOf("spend_level", table.level, LEVELS),
  ],
);

/** Tokens of an answer or of one try, as `Usage` has them. */
const usageColumns = () => ({
  inputTokens: count(),
  outputTokens: count(),
  cachedInputTokens: count(),
  cacheWriteTokens: count(),
  reasoningTokens: count(),
});

/**
 * One row a request, written once by the ledger: the insert's conflict on `id` is what makes it once. No foreign keys to tenants and
 * keys: an event that comes late must find its row, whatever has been deleted since.
 */
export const requests = pgTable(
  "requests",
  {
    /** Our own id, which sorts by time. */
    id: text().primaryKey(),
    tenantId: text().notNull(),
    keyId: text(),
    userId: text(),
    tier: text(),
    /** `abandoned`: the lease ran out and no event came; a late event may turn it into `settled`, once. */
    status: text().$type<"settled" | "abandoned">().notNull(),
    outcome: text().$type<Outcome>().notNull(),
    failure: text().$type<FailureType>(),
    limitUnit: text().$type<LimitUnit>(),
    limitLevel: text().$type<LimitLevel>(),
    httpStatus: smallint(),

    operation: text().notNull(),
    clientWire: text(),
    alias: text().notNull(),
    stream: boolean(),
    cache: text().$type<WideEvent["cache"]>(),
    /** The attempt that answered. */
    backend: text(),
    model: text(),
    attempts: integer().notNull().default(0),

    ...usageColumns(),
    /** True where a count or the cost is ours and not a backend's. */
    estimated: boolean().notNull(),
    costNanoUsd: nanoUsd().notNull(),
    reservedNanoUsd: nanoUsd(),

    startedAt: moment().notNull(),
    endedAt: moment(),
    durationMs: doublePrecision(),
    firstTokenMs: doublePrecision(),

    /** What each step decided, in order. */
    decisions: jsonb().$type<readonly Decision[]>().notNull().default([]),
    /** Fields that were mapped, dropped or refused between two wire formats. */
    translations: jsonb().$type<readonly Translation[]>().notNull().default([]),

    endUserHash: text(),
    sessionId: text(),
    team: text(),
    feature: text(),
    purpose: text(),
    region: text(),
    priority: smallint(),
    idempotencyHash: text(),
    traceId: text(),
    spanId: text(),
    parentSpanId: text(),

    configVersion: text(),
    overlayVersion: count(),
    promptVersion: text(),
    releaseArm: text(),
    corpusVersion: text(),
    policyVersion: text(),

    /** When the row was written first, and when last. */
    recordedAt: moment().notNull().defaultNow(),
    updatedAt: moment().notNull().defaultNow(),
    /** Not filled: the records in Redis keep the counters from counting a request twice. */
    countedAt: moment(),
  },
  (table) => [
    oneOf("requests_status", table.status, ["settled", "abandoned"]),
    oneOf("requests_outcome", table.outcome, ["completed", "failed", "cancelled", "refused", "abandoned"]),
    oneOf("requests_cache", table.cache, ["hit", "miss", "bypass", "refresh"]),
    check("requests_cost_not_negative", sql`${table.costNanoUsd} >= 0`),
    // Tenant first and time next in each: the shape that partitions by time, or by tenant, keep.
    index("requests_by_tenant").on(table.tenantId, table.startedAt),
    index("requests_by_key").on(table.tenantId, table.keyId, table.startedAt),
    index("requests_by_user").on(table.tenantId, table.userId, table.startedAt).where(sql`${table.userId} is not null`),
    index("requests_by_alias").on(table.tenantId, table.alias, table.startedAt),
  ],
);

/** What a request cost, one row a charge; ordinals are the attempts' and never used again. */
export const charges = pgTable(
  "charges",
  {
    requestId: text().notNull(),
    ordinal: integer().notNull(),
    tenantId: text().notNull(),
    kind: text().$type<"attempt" | "hedge" | "continuation" | "embedding" | "rerank" | "judge" | "repair">().notNull(),
    backend: text().notNull(),
    model: text().notNull(),
    wire: text(),
    outcome: text().$type<AttemptRecord["outcome"]>().notNull(),
    failure: text().$type<FailureType>(),
    detail: text(),
    startedAt: moment().notNull(),
    durationMs: doublePrecision(),
    firstTokenMs: doublePrecision(),
    ...usageColumns(),
    estimated: boolean().notNull(),
    costNanoUsd: nanoUsd().notNull(),
    recordedAt: moment().notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.requestId, table.ordinal] }),
    foreignKey({ columns: [table.requestId], foreignColumns: [requests.id] }).onDelete("cascade"),
    oneOf("charges_kind", table.kind, ["attempt", "hedge", "continuation", "embedding", "rerank", "judge", "repair"]),
    oneOf("charges_outcome", table.outcome, ["completed", "failed", "cancelled"]),
    check("charges_cost_not_negative", sql`${table.costNanoUsd} >= 0`),
    index("charges_by_tenant").on(table.tenantId, table.startedAt),
  ],
);

/** What a backend's model costs from a moment on, in nano-dollars: a dollar per million tokens is 10^9. */
export const prices = pgTable(
  "prices",
  {
    backend: text().notNull(),
    model: text().notNull(),
    startsAt: moment().notNull(),
    inputNanoUsdPerMillion: nanoUsd().notNull(),
    outputNanoUsdPerMillion: nanoUsd().notNull(),
    /** Null: as other input. */
    cachedInputNanoUsdPerMillion: nanoUsd(),
    cacheWriteNanoUsdPerMillion: nanoUsd(),
    perRequestNanoUsd: nanoUsd(),
  },
  (table) => [primaryKey({ columns: [table.backend, table.model, table.startsAt] })],
);

/** Every overlay that was ever published; the newest is in force, and also in Redis. */
export const configOverlays = pgTable(
  "config_overlays",
  {
    version: count().primaryKey(),
    body: jsonb().$type<Overlay>().notNull(),
    author: text().notNull(),
    createdAt: moment().notNull().defaultNow(),
  },
  (table) => [check("config_overlays_version_positive", sql`${table.version} > 0`)],
);

/** Who changed what. Rows are added, and by no role changed or deleted. */
export const audit = pgTable(
  "audit",
  {
    id: bigint({ mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    at: moment().notNull().defaultNow(),
    actor: text().notNull(),
    /** A dotted word: `key.mint`, `key.revoke`, `overlay.publish`. */
    action: text().notNull(),
    tenantId: text(),
    /** What was acted on: a key's id, a version. Never a secret. */
    subject: text(),
    requestId: text(),
    detail: jsonb().$type<Json>(),
  },
  (table) => [index("audit_by_time").on(table.at), index("audit_by_tenant").on(table.tenantId, table.at)],
);
