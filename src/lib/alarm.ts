/** Deadlines, each told once when it has passed. */
export interface Alarm {
  /** Calls `ring` once, `delayMs` from now. The function that comes back takes it back; harmless when called late or twice. */
  after(delayMs: number, ring: () => void): () => void;
}

/**
 * The runtime's timer is set for at most this long at first. Most deadlines are longer and are taken back within it, so a request sets one
 * timer in all; a deadline that is nearer than the timer moves it.
 */
const TICK_MS = 100;
/** Deadlines that were taken back are forgotten at the next ring, or when so many have gathered. */
const KEPT = 32;

interface Entry {
  readonly at: number;
  ring: (() => void) | undefined;
}

/**
 * All deadlines of one request on one timer of the runtime, which belongs to the request and ends with it. A timer costs 5 to 10 µs, and a request
 * has half a dozen deadlines of which none is meant to be reached.
 */
export function alarmClock(): Alarm {
  let entries: Entry[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  let ringsAt = Number.POSITIVE_INFINITY;

  const set = (at: number, now: number): void => {
    if (timer !== undefined) clearTimeout(timer);
    ringsAt = at;
    timer = setTimeout(ring, Math.max(1, at - now));
  };

  const ring = (): void => {
    timer = undefined;
    ringsAt = Number.POSITIVE_INFINITY;
    const now = Date.now();
    const due = entries.filter(({ at }) => at <= now);
    entries = entries.filter(({ at, ring: waiting }) => at > now && waiting !== undefined);
    const next = entries.reduce((least, { at }) => Math.min(least, at), Number.POSITIVE_INFINITY);
    if (next !== Number.POSITIVE_INFINITY) set(next, now);
    const bugs: unknown[] = [];
    for (const entry of due) {
      try {
        take(entry)?.();
      } catch (bug) {
        // The others have passed too, and nobody will set them again.
        bugs.push(bug);
      }
    }
    if (bugs.length > 0) throw bugs[0];
  };

  return {
    after(delayMs, waiting) {
      const now = Date.now();
      const entry: Entry = { at: now + delayMs, ring: waiting };
      if (entries.length >= KEPT) entries = entries.filter((kept) => kept.ring !== undefined);
      entries.push(entry);
      if (timer === undefined) set(Math.min(entry.at, now + TICK_MS), now);
      else if (entry.at < ringsAt) set(entry.at, now);
      return () => {
        entry.ring = undefined;
      };
    },
  };
}

/** Where no request is at hand: a timer of the runtime for each deadline. */
export const runtimeAlarm: Alarm = {
  after(delayMs, ring) {
    const timer = setTimeout(ring, delayMs);
    return () => clearTimeout(timer);
  },
};

/** What `work` resolves to, or undefined once `withinMs` have passed; the work itself goes on. Rejects where it does, in time. */
export function inTime<Value>(work: Promise<Value>, withinMs: number, alarm: Alarm): Promise<Value | undefined> {
  return new Promise((resolve, reject) => {
    const forget = alarm.after(withinMs, () => resolve(undefined));
    work.then(
      (value) => {
        forget();
        resolve(value);
      },
      (error: unknown) => {
        forget();
        reject(error);
      },
    );
  });
}

function take(entry: Entry): (() => void) | undefined {
  const { ring } = entry;
  entry.ring = undefined;
  return ring;
}
