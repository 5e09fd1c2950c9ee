import type { WideEvent } from "../../../src/core/wide-event.ts";
import { book } from "./book.ts";
import { readEvent } from "./event.ts";
import type { DueRecord, Ledger } from "./ports.ts";

export interface SweepRule {
  /** Records that one step takes on. */
  readonly batch: number;
  /** About as many calls to Redis and Postgres as one run may make; a Worker has a limit of them. */
  readonly calls: number;
  /** No step begins after this long; a step's own calls have their deadlines. */
  readonly timeMs: number;
}

/** Well below the minute at which the next run begins, and the platform's own limit. */
export const SWEEP_RULE: SweepRule = { batch: 100, calls: 800, timeMs: 40_000 };

export interface SweepReport {
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
 */
export async function sweep(ledger: Ledger, rule: SweepRule = SWEEP_RULE): Promise<SweepReport> {
  const endsAt = ledger.now() + rule.timeMs;
  const sum = { tenants: 0, written: 0, abandoned: 0, buried: 0 };
  const tenants = await ledger.records.activeTenants();
  if (!tenants.ok) return { ...sum, stopped: `redis: ${tenants.failure}` };
  const allowance: Allowance = {
    calls: rule.calls,
    isSpent: () => allowance.calls <= 0 || ledger.now() >= endsAt,
  };
  for (const tenant of rotated(tenants.value, ledger.now())) {
    sum.tenants += 1;
    const stopped = await drain(tenant, ledger, rule.batch, allowance, sum);
    if (stopped !== undefined) return { ...sum, stopped };
  }
  return sum;
}

type Sum = { -readonly [Count in "written" | "abandoned" | "buried"]: number };

interface Allowance {
  /** What is left. */
  calls: number;
  isSpent(): boolean;
}

/** Another tenant is the first each minute, so that a run that ends early does not always leave out the same ones. */
function rotated(tenants: readonly string[], now: number): readonly string[] {
  const start = tenants.length === 0 ? 0 : Math.floor(now / 60_000) % tenants.length;
  return [...tenants.slice(start), ...tenants.slice(0, start)];
}

/** One tenant, batch by batch, while there is progress. Gives why the run must end, if it must. */
async function drain(
  tenant: string,
  ledger: Ledger,
  batch: number,
  allowance: Allowance,
  sum: Sum,
): Promise<string | undefined> {
  let before = "";
  while (!allowance.isSpent()) {
    const due = await ledger.records.due(tenant, batch);
    if (!due.ok) return `redis: ${due.failure}`;
    // The same again: nothing can be done about them now, a later run looks again.
    const seen = due.value.map(({ requestId, state }) => `${requestId} ${state}`).join();
    if (seen === "" || seen === before) return undefined;
    before = seen;
    allowance.calls -= 6 + 2 * due.value.filter(({ state }) => state === "leased").length;
    const stopped = await settleDue(tenant, due.value, ledger, sum);
    if (stopped !== undefined) return stopped;
  }
  return "allowance";
}

async function settleDue(
  tenant: string,
  due: readonly DueRecord[],
  ledger: Ledger,
  sum: Sum,
): Promise<string | undefined> {
  const events: WideEvent[] = [];
  for (const record of due) {
    const state = record.state === "leased" ? await expire(tenant, record.requestId, ledger) : record.state;
    if (state === "away") return "redis";
    if (state === "gone") await forget(tenant, record.requestId, ledger);
    if (state !== "settled" && state !== "abandoned") continue;
    const reading = readEvent(parsed(record.eventText));
    if (!reading.ok || reading.event.requestId !== record.requestId || reading.event.tenant !== tenant) {
      const reason = reading.ok ? "the event is another request's" : `${reading.path}: ${reading.reason}`;
      sum.buried += await buried(tenant, record.requestId, reason, ledger);
      continue;
    }
    if (record.state === "leased") sum.abandoned += 1;
    events.push(reading.event);
  }
  const booking = await book(events, ledger);
  if (booking.kind === "unavailable") return `postgres: ${booking.detail}`;
  sum.written += booking.written;
  for (const { event, reason } of booking.poison) {
    sum.buried += await buried(tenant, event.requestId, reason, ledger);
  }
  return undefined;
}

/** Books a lease that ran out; its record's event is the one that admission left behind. */
async function expire(
  tenant: string,
  requestId: string,
  ledger: Ledger,
): Promise<"abandoned" | "running" | "settled-meanwhile" | "away"> {
  const swept = await ledger.records.sweep(tenant, requestId);
  if (!swept.ok) return "away";
  // Settled since it was read: it is due again with its true event.
  return swept.value === "not-leased" ? "settled-meanwhile" : swept.value;
}

/** The record went before it was written. Its event may have come by the queue; there is nothing left to write here. */
async function forget(tenant: string, requestId: string, ledger: Ledger): Promise<void> {
  ledger.log({ message: "a record was gone before it was written", tenant, requestId });
  await ledger.records.acknowledge(tenant, [{ requestId, outcome: "abandoned", counters: {} }]);
}

async function buried(tenant: string, requestId: string, reason: string, ledger: Ledger): Promise<number> {
  ledger.log({ message: "a record was buried", tenant, requestId, reason });
  const answer = await ledger.records.bury(tenant, requestId, reason);
  return answer.ok ? 1 : 0;
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return undefined;
  }
}
