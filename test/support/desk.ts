import type { Caller, Memory } from "../../workers/seats/src/around.ts";
import { Desk } from "../../workers/seats/src/desk.ts";
import type { Ask, Parting, Word } from "../../workers/seats/src/words.ts";

export const RULES = { count: 2, queue: 10, lowerShare: 0.1, coldAfterMs: 240_000 };

/** A desk in a time of its own. */
export function openDesk(memory: Memory = { busyUntil: 0, warmAt: 0 }, from = 1_000_000) {
  let now = from;
  let kept = memory;
  let alarms: { readonly at: number; readonly ring: () => void }[] = [];
  const desk = new Desk({
    now: () => now,
    after: (delayMs, ring) => alarms.push({ at: now + delayMs, ring }),
    memory,
    keep: (words) => {
      kept = words;
    },
  });
  let made = 0;
  return {
    desk,
    now: () => now,
    kept: () => kept,
    /** Time passes, with the desk's ticks. */
    pass(ms: number) {
      for (const end = now + ms; now < end; ) {
        now += 50;
        const due = alarms.filter(({ at }) => at <= now);
        alarms = alarms.filter(({ at }) => at > now);
        for (const { ring } of due) ring();
        if (now % 250 === 0) desk.tick();
      }
    },
    /** Somebody comes; what they are told is kept. */
    come(more: Partial<Ask> = {}) {
      const heard: Word[] = [];
      let hungUp = false;
      const id = more.id ?? `r${++made}`;
      const ask: Ask = {
        id,
        tenant: "a",
        rank: 0,
        seats: 1,
        patienceMs: 30_000,
        waitedMs: 0,
        sits: false,
        leaseMs: 60_000,
        rules: RULES,
        ...more,
      };
      const caller: Caller = { say: (word) => heard.push(word), hangUp: () => (hungUp = true) };
      desk.come(ask, caller);
      return {
        id,
        part: (parting: Parting) => desk.part(id, caller, parting),
        heard,
        last: () => heard.findLast((word) => !("ping" in word)),
        isSeated: () => heard.some((word) => "seated" in word),
        isGone: () => hungUp,
        places: () => heard.flatMap((word) => ("place" in word ? [word.place] : [])),
      };
    },
  };
}

type Opened = ReturnType<typeof openDesk>;

/** A desk whose backend has just answered, with answers of a second. */
export function warmDesk(): Opened {
  const opened = openDesk();
  const { id, part } = opened.come();
  opened.desk.hear(id, "answered");
  opened.pass(1_000);
  part("served");
  return opened;
}
