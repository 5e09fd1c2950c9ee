import type { WideEvent } from "../../../src/core/wide-event.ts";
import { book } from "./book.ts";
import { readEvent } from "./event.ts";
import type { DueRecord, Ledger } from "./ports.ts";

export type Sum = { -readonly [Count in "written" | "abandoned" | "buried"]: number };

/** `more`: there may be more to do for the tenant; `stopped`: a store is away, and the run must end. */
export type Turn = { readonly calls: number } & (
  | { readonly kind: "done" | "more" }
  | { readonly kind: "stopped"; readonly why: string }
);

/** About what a turn costs: the look-up, rows, and their acknowledgement; leases that ran out come to as much again. */
const TURN_CALLS = 6;
const LEASE_CALLS = 2;

/** One batch of one tenant. `seen` holds what each tenant's last batch was, so that what cannot be helped now is not tried on and on. */
export async function takeTurn(
  tenant: string,
  batch: number,
  seen: Map<string, string>,
  ledger: Ledger,
  sum: Sum,
): Promise<Turn> {
  const due = await ledger.records.due(tenant, batch);
  if (!due.ok) return failed(tenant, due.failure, ledger);
  // The same again: nothing can be done about them now, a later run looks again.
  const key = due.value.map(({ requestId, state }) => `${requestId} ${state}`).join();
  if (key === "" || key === seen.get(tenant)) return { kind: "done", calls: 2 };
  seen.set(tenant, key);
  const expired = await expire(tenant, due.value, ledger, sum);
  if (!expired.ok) return failed(tenant, expired.failure, ledger);
  const why = await write(tenant, expired.value, ledger, sum);
  const calls = TURN_CALLS + (expired.hadLeases ? LEASE_CALLS : 0);
  return why === undefined ? { kind: "more", calls } : { kind: "stopped", why, calls };
}

/** Redis' own error (a key of another type, say) is about this tenant alone: the others go on. Anything else is Redis being away. */
function failed(tenant: string, failure: string, ledger: Ledger): Turn {
  if (!/^[A-Z]+$/.test(failure)) return { kind: "stopped", why: `redis: ${failure}`, calls: 2 };
  ledger.log({ message: "a tenant's records cannot be swept", tenant, detail: failure });
  return { kind: "done", calls: 2 };
}

type Expired =
  | { readonly ok: true; readonly value: readonly DueRecord[]; readonly hadLeases: boolean }
  | { readonly ok: false; readonly failure: string };

/** Books the leases that ran out, whose event is the one that admission left behind. Gives what can be written now. */
async function expire(tenant: string, due: readonly DueRecord[], ledger: Ledger, sum: Sum): Promise<Expired> {
  const leased = due.filter(({ state }) => state === "leased");
  const swept = await ledger.records.sweep(
    tenant,
    leased.map(({ requestId }) => requestId),
  );
  if (!swept.ok) return swept;
  // Settled since it was read (`not-leased`): it is due again with its true event.
  const abandoned = leased.filter((_, index) => swept.value[index] === "abandoned");
  sum.abandoned += abandoned.length;
  return {
    ok: true,
    value: [...due.filter(({ state }) => state !== "leased"), ...abandoned],
    hadLeases: leased.length > 0,
  };
}

/** Gives why the run must end, if it must. */
async function write(
  tenant: string,
  records: readonly DueRecord[],
  ledger: Ledger,
  sum: Sum,
): Promise<string | undefined> {
  const events: WideEvent[] = [];
  for (const { requestId, state, eventText } of records) {
    if (state === "gone") {
      await forget(tenant, requestId, ledger);
      continue;
    }
    const reading = readEvent(parsed(eventText));
    if (!reading.ok || reading.event.requestId !== requestId || reading.event.tenant !== tenant) {
      const reason = reading.ok ? "the event is another request's" : `${reading.path}: ${reading.reason}`;
      sum.buried += await buried(tenant, requestId, reason, ledger);
      continue;
    }
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
