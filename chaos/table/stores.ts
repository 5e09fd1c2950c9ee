/** What the stores can do, to all requests at once: each of these rows runs alone. */
import type { Expectation, Fault, Order } from "../types.ts";
import { ANSWER, always, failed, LEFT } from "./sights.ts";

/** Slower than a client that waits for JSON stays, faster than any deadline. */
const PACING = "[[sim:tokens=60]][[sim:tps=60]]";
const CLOSED: Expectation = [failed("gateway_unavailable")];

const redisFault = (fault: string, more: object = {}): Order => ({ atMs: 0, redis: { faults: [{ fault, ...more }] } });

interface StoreRow {
  readonly id: string;
  readonly title: string;
  readonly orders: readonly Order[];
}

/** Redis is away: no budget can be checked, so money is closed; keys without one run on, and the cache misses. */
const AWAY: readonly StoreRow[] = [
  { id: "redis-down", title: "Redis down", orders: [{ atMs: 0, redis: { refuseMs: 4_000 } }] },
  { id: "redis-silent", title: "Redis never answers", orders: [redisFault("hang")] },
  { id: "redis-deaf", title: "Redis acts and never answers", orders: [redisFault("hangAfter")] },
  { id: "redis-late", title: "Redis slower than its deadline", orders: [redisFault("delay", { delayMs: 3_500 })] },
  { id: "redis-reset", title: "Redis resets", orders: [redisFault("reset")] },
  { id: "redis-lost", title: "Redis acts, its reply is lost", orders: [redisFault("loseReply")] },
  { id: "redis-500", title: "Redis answers 500", orders: [redisFault("status")] },
  { id: "redis-type", title: "a key of the wrong type", orders: [{ atMs: 0, spoilKey: true }] },
];

const away = ({ id, title, orders }: StoreRow): readonly Fault[] => [
  {
    id,
    title: `${title} (budget)`,
    orders,
    group: "redis",
    pacing: PACING,
    stays: { streamed: CLOSED, collected: CLOSED, whole: CLOSED },
    // Closed at once, or only after the deadline that such a client does not wait for.
    leaves: [LEFT, failed("gateway_unavailable"), { sees: "unheard" }],
  },
  {
    id: `${id}-free`,
    title: `${title} (no budget)`,
    orders,
    group: "redis",
    tier: "free",
    pacing: PACING,
    stays: always(ANSWER),
    leaves: [LEFT, { sees: "unheard" }],
    ...(id !== "redis-type" && { again: "miss" }),
  },
];

/** What Redis may do without anybody's notice. */
const UNNOTICED: readonly StoreRow[] = [
  { id: "redis-slow", title: "Redis slow, within its deadline", orders: [redisFault("delay", { delayMs: 150 })] },
  {
    id: "noscript",
    title: "Redis forgets its scripts",
    orders: [{ atMs: 0, everyMs: 50, redis: { scriptFlush: true } }],
  },
  { id: "flush-midway", title: "Redis flushed under answers", orders: [{ atMs: 1_000, redis: { flush: true } }] },
];

const POSTGRES: readonly StoreRow[] = [
  { id: "pg-down", title: "Postgres down", orders: [{ atMs: 0, postgres: { refuse: true } }] },
  { id: "pg-silent", title: "Postgres never answers", orders: [{ atMs: 0, postgres: { hang: true } }] },
  { id: "pg-slow", title: "Postgres slow", orders: [{ atMs: 0, postgres: { delayMs: 4_000 } }] },
  { id: "pg-cold", title: "Postgres asleep", orders: [{ atMs: 0, postgres: { asleepMs: 1_500 } }] },
  { id: "pg-lost", title: "Postgres commits, its reply is lost", orders: [{ atMs: 0, postgres: { dropReply: true } }] },
  { id: "pg-500", title: "Postgres answers 500", orders: [{ atMs: 0, postgres: { status: 500 } }] },
];

const unnoticed =
  (group: Fault["group"], pacing: string | undefined) =>
  (row: StoreRow): Fault => ({
    ...row,
    group,
    ...(pacing && { pacing }),
    stays: always(ANSWER),
    leaves: [LEFT],
  });

export const STORE_FAULTS: readonly Fault[] = [
  ...UNNOTICED.slice(0, 2).map(unnoticed("redis", PACING)),
  ...AWAY.flatMap(away),
  ...POSTGRES.map(unnoticed("postgres", PACING)),
];

/** Nothing that was before it can be compared afterwards: these come last of all. */
export const FLUSHES: readonly Fault[] = [
  ...UNNOTICED.slice(2).map(unnoticed("redis", "[[sim:ttft=1400]][[sim:tokens=18]][[sim:tps=60]]")),
  {
    id: "flushed",
    title: "Redis flushed (budget)",
    group: "redis",
    orders: [{ atMs: 0, redis: { flush: true } }],
    pacing: PACING,
    stays: { streamed: CLOSED, collected: CLOSED, whole: CLOSED },
    leaves: [LEFT, failed("gateway_unavailable"), { sees: "unheard" }],
  },
  {
    id: "flushed-free",
    title: "Redis flushed (no budget)",
    group: "redis",
    tier: "free",
    orders: [{ atMs: 0, redis: { flush: true } }],
    pacing: PACING,
    stays: always(ANSWER),
    leaves: [LEFT],
  },
];
