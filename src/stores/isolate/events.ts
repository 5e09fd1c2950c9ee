import type { Clock, EventQueue } from "../../core/ports.ts";

type WaitUntil = (promise: Promise<unknown>) => void;

export interface BatchRule {
  /** How long the first event of a batch waits for others. */
  readonly lingerMs: number;
  /** Events a message: an event is about 1 KiB, and Cloudflare Queues takes 128 KB. */
  readonly maxEvents: number;
  /** Events that the isolate holds at most; the oldest are let go (Redis' record covers them). */
  readonly maxHeld: number;
}

export const BATCH_RULE: BatchRule = { lingerMs: 100, maxEvents: 50, maxHeld: 1_000 };

/** After this long without its send, a batch's leader is taken for dead: its request was cut off by the runtime. */
const LEADER_LIMIT_MS = 5_000;

/**
 * Batches the events of one isolate: the first request of a batch leads and sends for all, in its own `waitUntil`. Only plain data
 * crosses between requests (the runtime forbids sharing I/O). Losing a batch is allowed: Redis holds each event until the ledger wrote it.
 */
export function eventBatcher(queue: EventQueue, clock: Clock, rule: BatchRule = BATCH_RULE) {
  let held: string[] = [];
  let leaderSince: number | undefined;
  const send = async () => {
    await new Promise<void>((resolve) => setTimeout(resolve, rule.lingerMs));
    leaderSince = undefined;
    const batch = held;
    held = [];
    for (let start = 0; start < batch.length; start += rule.maxEvents) {
      await sendSplitting(queue, batch.slice(start, start + rule.maxEvents));
    }
  };
  return (eventText: string, waitUntil: WaitUntil): void => {
    held.push(eventText);
    if (held.length > rule.maxHeld) held.shift();
    const now = clock.now();
    if (leaderSince !== undefined && now - leaderSince < LEADER_LIMIT_MS) return;
    leaderSince = now;
    waitUntil(send());
  };
}

/** A message that is too large for the queue goes in halves; a single event that does not go at all is left to the sweep. */
async function sendSplitting(queue: EventQueue, events: readonly string[]): Promise<void> {
  try {
    await queue.send(events);
  } catch {
    if (events.length < 2) return;
    const middle = events.length >> 1;
    await sendSplitting(queue, events.slice(0, middle));
    await sendSplitting(queue, events.slice(middle));
  }
}
