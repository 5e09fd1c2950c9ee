import type { WideEvent } from "../../../src/core/wide-event.ts";
import { readEvent } from "./event.ts";
import type { Ledger, WriteOutcome } from "./ports.ts";

/** An event that Postgres will never take as it is, and why in a few words. */
export interface Poison {
  readonly event: WideEvent;
  readonly reason: string;
}

export type Booking =
  | {
      readonly kind: "booked";
      /** Requests whose row stands. */
      readonly written: number;
      readonly poison: readonly Poison[];
    }
  /** Postgres is away: what was written before that was acknowledged, and does no harm when it comes again. */
  | { readonly kind: "unavailable"; readonly detail: string };

/** What goes into one statement, and to Redis in one call: a batch of the queue can hold tens of megabytes of events. */
const SLICE_EVENTS = 500;

/**
 * Books events: rows first, then the acknowledgement in Redis, so that what is acknowledged is written. Idempotent: the same events may
 * come again, in any company. If Redis is away the rows stand, and the sweep acknowledges later.
 */
export async function book(events: readonly WideEvent[], ledger: Ledger): Promise<Booking> {
  const distinct = onePerRequest(events);
  const poison: Poison[] = [];
  let written = 0;
  for (let start = 0; start < distinct.length; start += SLICE_EVENTS) {
    const booking = await bookSlice(distinct.slice(start, start + SLICE_EVENTS), ledger);
    if (booking.kind === "unavailable") return booking;
    written += booking.written;
    poison.push(...booking.poison);
  }
  return { kind: "booked", written, poison };
}

async function bookSlice(events: readonly WideEvent[], ledger: Ledger): Promise<Booking> {
  const poison: Poison[] = [];
  const outcome = await write(events, ledger, poison);
  if (outcome.kind === "unavailable") return outcome;
  const written = outcome.value;
  const known = await withTruth(written.events, written.settledBefore, ledger);
  for (const [tenant, theirs] of byTenant(known)) await acknowledge(tenant, theirs, ledger);
  return { kind: "booked", written: written.events.length, poison };
}

interface Written {
  readonly events: readonly WideEvent[];
  readonly settledBefore: readonly string[];
}

type Outcome = Exclude<WriteOutcome<Written>, { readonly kind: "refused" }>;

/** Writes all that can be written: a batch that is refused is halved until the event at fault stands alone. */
async function write(events: readonly WideEvent[], ledger: Ledger, poison: Poison[]): Promise<Outcome> {
  const [first] = events;
  if (first === undefined) return { kind: "ok", value: { events: [], settledBefore: [] } };
  const outcome = await ledger.rows.write(events);
  if (outcome.kind === "ok") return { kind: "ok", value: { events, settledBefore: outcome.value.settledBefore } };
  if (outcome.kind === "unavailable") return outcome;
  if (events.length === 1) {
    poison.push({ event: first, reason: `postgres refused it: sqlstate ${outcome.code}` });
    return { kind: "ok", value: { events: [], settledBefore: [] } };
  }
  const middle = Math.ceil(events.length / 2);
  const left = await write(events.slice(0, middle), ledger, poison);
  if (left.kind !== "ok") return left;
  const right = await write(events.slice(middle), ledger, poison);
  if (right.kind !== "ok") return right;
  return {
    kind: "ok",
    value: {
      events: [...left.value.events, ...right.value.events],
      settledBefore: [...left.value.settledBefore, ...right.value.settledBefore],
    },
  };
}

/**
 * Puts the true event in place of an abandoned one where Postgres holds the truth already: the gateway could not reach Redis, its event
 * came by the queue while Redis was away, and then the lease ran out. Redis is told the truth below.
 */
async function withTruth(
  events: readonly WideEvent[],
  settledBefore: readonly string[],
  ledger: Ledger,
): Promise<readonly WideEvent[]> {
  if (settledBefore.length === 0) return events;
  const outcome = await ledger.rows.settledEvents(settledBefore);
  const truths = new Map<string, WideEvent>();
  for (const value of outcome.kind === "ok" ? outcome.value : []) {
    const reading = readEvent(value);
    if (reading.ok) truths.set(reading.event.requestId, reading.event);
  }
  const isSettled = new Set(settledBefore);
  // An abandoned event whose truth could not be read stays due: the next sweep tries again.
  return events.flatMap((event) => {
    if (!isSettled.has(event.requestId)) return [event];
    const truth = truths.get(event.requestId);
    return truth === undefined ? [] : [truth];
  });
}

async function acknowledge(tenant: string, events: readonly WideEvent[], ledger: Ledger): Promise<void> {
  const unsettled = await tell(tenant, events, ledger);
  const settled: WideEvent[] = [];
  for (const event of unsettled) {
    const reply = await ledger.records.settle(event);
    if (reply.kind !== "unavailable") settled.push(event);
  }
  await tell(tenant, settled, ledger);
}

/** Tells Redis what is written; gives the events of whose end Redis had not heard. */
async function tell(tenant: string, events: readonly WideEvent[], ledger: Ledger): Promise<readonly WideEvent[]> {
  if (events.length === 0) return [];
  const told = events.map((event) => ({
    requestId: event.requestId,
    outcome: event.outcome,
    counters: ledger.countersOf(event),
  }));
  const answer = await ledger.records.acknowledge(tenant, told);
  if (!answer.ok) {
    ledger.log({
      message: "redis is away: the sweep will acknowledge",
      tenant,
      events: events.length,
      detail: answer.failure,
    });
    return [];
  }
  return events.filter((_, index) => answer.value[index] === "unsettled");
}

/** One event a request: the truth wins over what admission left behind; otherwise the first. */
function onePerRequest(events: readonly WideEvent[]): readonly WideEvent[] {
  const kept = new Map<string, WideEvent>();
  for (const event of events) {
    const before = kept.get(event.requestId);
    if (before === undefined || (before.outcome === "abandoned" && event.outcome !== "abandoned")) {
      kept.set(event.requestId, event);
    }
  }
  return [...kept.values()];
}

function byTenant(events: readonly WideEvent[]): ReadonlyMap<string, readonly WideEvent[]> {
  return Map.groupBy(events, (event) => event.tenant);
}
