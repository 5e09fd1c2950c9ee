import type { UnrecordedRefusals, WideEvent } from "../../core/wide-event.ts";

/** Refusals of one key that this isolate gives an event of their own, a minute. */
export const RECORDED_A_MINUTE = 10;
const MINUTE_MS = 60_000;
/** Kinds that are told apart a key, so that an event stays small. More are counted as the kind that came last before them. */
const KINDS_KEPT = 32;

interface Tally {
  /** When its minute began, milliseconds since the epoch. */
  since: number;
  recorded: number;
  unrecorded: Map<string, UnrecordedRefusals>;
}

/**
 * The refusals of each key in this isolate: how many had an event in the running minute, and how many of each kind had none. Plain
 * data, for at most `capacity` keys; the one that was refused longest ago goes first, and its counts with it, as they do with the isolate.
 */
export function refusalTally(capacity: number) {
  const tallies = new Map<string, Tally>();
  return {
    note(event: WideEvent): boolean {
      const { keyId, endedAt } = event;
      const tally = tallies.get(keyId) ?? { since: endedAt, recorded: 0, unrecorded: new Map() };
      tallies.delete(keyId);
      tallies.set(keyId, tally);
      if (tallies.size > capacity) forgetOldest(tallies);
      if (endedAt - tally.since >= MINUTE_MS) {
        tally.since = endedAt;
        tally.recorded = 0;
      }
      tally.recorded += 1;
      if (tally.recorded <= RECORDED_A_MINUTE) return true;
      count(tally.unrecorded, event);
      return false;
    },
    take(keyId: string): readonly UnrecordedRefusals[] | undefined {
      const tally = tallies.get(keyId);
      if (tally === undefined || tally.unrecorded.size === 0) return undefined;
      const taken = [...tally.unrecorded.values()];
      tally.unrecorded = new Map();
      return taken;
    },
  };
}

function count(kinds: Map<string, UnrecordedRefusals>, event: WideEvent): void {
  const { operation, clientWire, alias, tier, cache, failure, limit } = event;
  const own = [operation, clientWire, alias, tier, cache, failure, limit?.unit, limit?.level].join(" ");
  const name = kinds.has(own) || kinds.size < KINDS_KEPT ? own : [...kinds.keys()].at(-1);
  const known = name === undefined ? undefined : kinds.get(name);
  const kind = { operation, clientWire, alias, tier, cache, ...(failure && { failure }), ...(limit && { limit }) };
  kinds.set(name ?? own, known ? { ...known, count: known.count + 1 } : { ...kind, count: 1 });
}

function forgetOldest(tallies: Map<string, Tally>): void {
  const [oldest] = tallies.keys();
  if (oldest !== undefined) tallies.delete(oldest);
}
