import * as z from "zod/mini";
import type { WideEvent } from "../../../src/core/wide-event.ts";
import { book } from "./book.ts";
import { readEvent } from "./event.ts";
import type { Ledger } from "./ports.ts";

/** A message of the queue, as far as the ledger needs it. */
export interface QueueMessage {
  readonly id: string;
  readonly attempts: number;
  readonly body: unknown;
  ack(): void;
  retry(options?: { readonly delaySeconds?: number }): void;
}

const messageBody = z.object({ kind: z.literal("events"), events: z.array(z.unknown()) });

const LONGEST_DELAY_SECONDS = 300;

/**
 * One batch of the queue. Every message ends acknowledged or retried on its own: what cannot be read or stored goes round until the
 * platform puts it into the dead-letter queue, and keeps no other from being written.
 */
export async function consume(messages: readonly QueueMessage[], ledger: Ledger): Promise<void> {
  const read = messages.map((message) => ({ message, ...eventsOf(message.body) }));
  const booking = await book(
    read.flatMap(({ events }) => events),
    ledger,
  );
  if (booking.kind === "unavailable") {
    ledger.log({
      message: "postgres is away: the batch comes again",
      messages: messages.length,
      detail: booking.detail,
    });
    for (const message of messages) message.retry({ delaySeconds: delaySeconds(message.attempts) });
    return;
  }
  const refused = new Map(booking.poison.map(({ event, reason }) => [event.requestId, reason]));
  for (const { message, events, problems } of read) {
    const reasons = [...problems, ...events.flatMap((event) => refused.get(event.requestId) ?? [])];
    if (reasons.length === 0) {
      message.ack();
    } else {
      for (const reason of reasons)
        ledger.log({ message: "an event cannot be written", queueMessage: message.id, reason });
      message.retry({ delaySeconds: delaySeconds(message.attempts) });
    }
  }
}

/** 2, 4, 8 … seconds: long enough for a database to wake, at most five minutes. */
function delaySeconds(attempts: number): number {
  return Math.min(LONGEST_DELAY_SECONDS, 2 ** Math.max(1, Math.min(attempts, 16)));
}

function eventsOf(body: unknown): { readonly events: readonly WideEvent[]; readonly problems: readonly string[] } {
  const parsed = messageBody.safeParse(typeof body === "string" ? jsonOf(body) : body);
  if (!parsed.success) return { events: [], problems: ["the message is not one of events"] };
  const readings = parsed.data.events.map(readEvent);
  return {
    events: readings.flatMap((reading) => (reading.ok ? [reading.event] : [])),
    problems: readings.flatMap((reading) => (reading.ok ? [] : [`${reading.path}: ${reading.reason}`])),
  };
}

/** The gateway sends text. Undefined for anything that is not JSON. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
