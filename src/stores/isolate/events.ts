import type { Clock, EventQueue } from "../../core/ports.ts";

type WaitUntil = (promise: Promise<unknown>) => void;

export interface BatchRule {
  /** How long the first event of a batch waits for others. */
  readonly lingerMs: number;
  /** Characters a message, nearly all of one byte: Cloudflare Queues takes 128 KB. */
  readonly maxChars: number;
  /** Events that the isolate holds at most; the oldest are let go (Redis' record covers them). */
  readonly maxHeld: number;
}

export const BATCH_RULE: BatchRule = { lingerMs: 100, maxChars: 100_000, maxHeld: 1_000 };

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
    for (const message of messagesOf(batch, rule.maxChars)) await queue.send(message).catch(() => undefined);
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

/** As few messages as the limit allows, in order. A single event that is larger goes alone, and the queue may refuse it. */
function messagesOf(eventTexts: readonly string[], maxChars: number): readonly (readonly string[])[] {
  const messages: string[][] = [];
  let chars = maxChars;
  for (const text of eventTexts) {
    chars += text.length;
    if (chars > maxChars) {
      messages.push([]);
      chars = text.length;
    }
    messages.at(-1)?.push(text);
  }
  return messages;
}
