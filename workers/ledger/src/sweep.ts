import type { Ledger } from "./ports.ts";
import { type Sum, takeTurn } from "./turn.ts";

export interface SweepRule {
  /** Records that one turn of a tenant takes on. */
  readonly batch: number;
  /** About as many calls to Redis and Postgres as one run may make; a Worker has a limit of them. */
  readonly calls: number;
  /** No turn begins after this long; a turn's own calls have their deadlines. */
  readonly timeMs: number;
}

/** Well below the minute at which the next run begins, and the platform's own limit. */
export const SWEEP_RULE: SweepRule = { batch: 100, calls: 800, timeMs: 40_000 };

/** Tenants that one call asks about. */
const LOOK_UP = 200;

export interface SweepReport {
  /** Tenants of whom Redis was asked whether anything is due. */
  readonly tenants: number;
  readonly written: number;
  readonly abandoned: number;
  readonly buried: number;
  /** Why it ended before everything that was due was done; absent where it did not. */
  readonly stopped?: string;
}

/**
 * Writes what is due: settled records that no message brought, and leases that ran out, booked as abandoned. Two at once are harmless,
 * since every step is idempotent and Redis decides each transition.
 *
 * Fair: each tenant for whom something is due has one batch a turn, round and round, and a run that has to end is followed by one that
 * begins behind the tenant at which it ended. So neither a long backlog nor a tenant at whom every run breaks off keeps others waiting.
 */
export async function sweep(ledger: Ledger, rule: SweepRule = SWEEP_RULE): Promise<SweepReport> {
  const endsAt = ledger.now() + rule.timeMs;
  const sum = { tenants: 0, written: 0, abandoned: 0, buried: 0 };
  const found = await busyTenants(ledger);
  if (!found.ok) return { ...sum, stopped: `redis: ${found.failure}` };
  sum.tenants = found.asked;
  let left = rule.calls - found.calls;
  let queue = found.tenants;
  let last: string | undefined;
  const seen = new Map<string, string>();
  while (queue.length > 0) {
    const again: string[] = [];
    for (const tenant of queue) {
      if (left <= 0 || ledger.now() >= endsAt) return ended("allowance", last, sum, ledger);
      const turn = await takeTurn(tenant, rule.batch, seen, ledger, sum);
      last = tenant;
      left -= turn.calls;
      if (turn.kind === "stopped") return ended(turn.why, last, sum, ledger);
      if (turn.kind === "more") again.push(tenant);
    }
    queue = again;
  }
  return sum;
}

type Found =
  | { readonly ok: true; readonly tenants: readonly string[]; readonly asked: number; readonly calls: number }
  | { readonly ok: false; readonly failure: string };

/** Tenants for whom something is due, beginning behind the one at which the last run ended. */
async function busyTenants({ records }: Ledger): Promise<Found> {
  const [active, last] = [await records.activeTenants(), await records.lastSwept()];
  if (!active.ok) return active;
  if (!last.ok) return last;
  // By name: their order in Redis changes with every key that is loaded.
  const names = active.value.toSorted();
  const start = names.findIndex((name) => last.value !== undefined && name > last.value);
  const order = start <= 0 ? names : [...names.slice(start), ...names.slice(0, start)];
  const tenants: string[] = [];
  let calls = 2;
  for (let from = 0; from < order.length; from += LOOK_UP) {
    const busy = await records.busy(order.slice(from, from + LOOK_UP));
    if (!busy.ok) return busy;
    tenants.push(...busy.value);
    calls += 1;
  }
  return { ok: true, tenants, asked: order.length, calls };
}

/** A run that ends early: the next one begins behind `last`. If Redis cannot be told, it begins where this one did. */
async function ended(
  stopped: string,
  last: string | undefined,
  sum: Sum & { readonly tenants: number },
  ledger: Ledger,
): Promise<SweepReport> {
  if (last !== undefined) await ledger.records.rememberSwept(last);
  return { ...sum, stopped };
}
