import type { BudgetLimit } from "../../core/config.ts";
import type { LevelCharge } from "../../core/ports.ts";
import { levelKey } from "./keys.ts";
import { listed } from "./link.ts";

/** What "per minute" means where a limit does not say otherwise. */
const DEFAULT_REFILL_MS = 60_000;

/** Levels as `read_levels` in lua/prelude.ts takes them. */
export interface EncodedLevels {
  readonly keys: readonly string[];
  readonly args: readonly string[];
  readonly hasMoney: boolean;
  /** Keys, and the number of levels with their arguments, as a script call takes them (`listed`). */
  readonly keysText: string;
  readonly argsText: string;
}

/** Isolates hand in the same list for every request of a key and alias. */
const encodedOf = new WeakMap<readonly LevelCharge[], { readonly tenant: string; readonly encoded: EncodedLevels }>();

/** As `encode`, remembered by the list's identity: a list of levels is never changed once it is made. */
export function encodeLevels(tenant: string, levels: readonly LevelCharge[]): EncodedLevels {
  const known = encodedOf.get(levels);
  if (known?.tenant === tenant) return known.encoded;
  const encoded = encode(tenant, levels);
  encodedOf.set(levels, { tenant, encoded });
  return encoded;
}

/** A key for each kind of state that a level has, in the order buckets, leases, money; six arguments a level, "" where it has no limit. */
function encode(tenant: string, levels: readonly LevelCharge[]): EncodedLevels {
  const keys: string[] = [];
  const args: string[] = [];
  let hasMoney = false;
  for (const { level, subject, limits } of levels) {
    const { requestsPerMinute, tokensPerMinute, concurrency, budget, refillPeriodMs = DEFAULT_REFILL_MS } = limits;
    if (requestsPerMinute !== undefined || tokensPerMinute !== undefined)
      keys.push(levelKey(tenant, "b", level, subject));
    if (concurrency !== undefined) keys.push(levelKey(tenant, "l", level, subject));
    if (budget !== undefined) {
      keys.push(levelKey(tenant, "m", level, subject));
      hasMoney = true;
    }
    args.push(
      text(requestsPerMinute),
      text(tokensPerMinute),
      text(concurrency),
      text(budget?.limitNanoUsd),
      budget?.period ?? "",
      text(refillPeriodMs),
    );
  }
  return encoded(keys, args, hasMoney);
}

const ARGS_A_LEVEL = 6;
const BUDGET_AT = 3;

function encoded(keys: readonly string[], args: readonly string[], hasMoney: boolean): EncodedLevels {
  const argsText = listed([String(args.length / ARGS_A_LEVEL), ...args]);
  return { keys, args, hasMoney, keysText: listed(keys), argsText };
}

/** What stands between the keys, and between the arguments, of the levels in a request's record. No name holds one. */
export const RECORD_SEPARATOR = "\n";

/** The levels that admission kept with the record. What does not read as levels is none: nothing is then moved. */
export function levelsOfRecord(keysText: unknown, argsText: unknown): EncodedLevels {
  const args = typeof argsText === "string" && argsText !== "" ? argsText.split(RECORD_SEPARATOR) : [];
  const keys = typeof keysText === "string" && keysText !== "" ? keysText.split(RECORD_SEPARATOR) : [];
  if (args.length % ARGS_A_LEVEL !== 0) return encoded([], [], false);
  return encoded(
    keys,
    args,
    args.some((arg, index) => index % ARGS_A_LEVEL === BUDGET_AT && arg !== ""),
  );
}

/** A budget period as Redis names it, and its bounds in milliseconds since the epoch (UTC). */
export interface BudgetPeriod {
  readonly id: string;
  readonly startsAt: number;
  /** Undefined: it never ends. */
  readonly endsAt: number | undefined;
}

/** The period in which `now` lies; the same as `period_of` in lua/prelude.ts. */
export function budgetPeriod(kind: BudgetLimit["period"], now: number): BudgetPeriod {
  if (kind === "total") return { id: "total", startsAt: 0, endsAt: undefined };
  const date = new Date(now);
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()];
  const iso = date.toISOString();
  if (kind === "month") {
    return { id: iso.slice(0, 7), startsAt: Date.UTC(year, month), endsAt: Date.UTC(year, month + 1) };
  }
  return { id: iso.slice(0, 10), startsAt: Date.UTC(year, month, day), endsAt: Date.UTC(year, month, day + 1) };
}

/** Numbers as whole digits: a limit with a fraction is rounded down. */
function text(value: number | undefined): string {
  return value === undefined ? "" : String(Math.floor(value));
}
