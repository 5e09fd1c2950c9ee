import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import type { QueueConsumer } from "../scripts/build.ts";

/**
 * A queue in memory between the gateway's workerd and the ledger's, with the platform's habits: batches by size and age, delivery at least
 * once, a bounded number of retries. What it holds is lost with the supervisor; that is allowed, since Redis holds every event
 * until the ledger has written it.
 */
export interface LocalQueue {
  /** `host:port`, for the queue binding of workerd. */
  readonly address: string;
  /** Messages that were given up after their last retry. */
  dead(): number;
  close(): Promise<void>;
}

interface Message {
  readonly id: string;
  readonly timestampMs: number;
  readonly body: unknown;
  attempts: number;
}

/** A message that must come again. */
export interface Retry {
  readonly id: string;
  /** What the consumer asked for; without it the message comes with the next batch. */
  readonly delaySeconds?: number | undefined;
}

/** Gives a batch to the consumer; resolves to what must come again, rejects when the consumer cannot be reached. */
export type Deliver = (queue: string, messages: readonly Message[]) => Promise<readonly Retry[]>;

const UNREACHABLE_PAUSE_MS = 100;
const MAX_WAITING = 10_000;

/** Opens the queue on a free port of loopback. */
export async function openQueue(consumer: QueueConsumer, deliver: Deliver): Promise<LocalQueue> {
  const waiting: Message[] = [];
  let deadCount = 0;
  const delayed = new Set<NodeJS.Timeout>();
  let timer: NodeJS.Timeout | undefined;
  let delivering = false;
  let closed = false;

  function schedule(delayMs: number): void {
    if (closed || delivering || timer !== undefined || waiting.length === 0) return;
    timer = setTimeout(() => void flush(), delayMs);
  }

  async function flush(): Promise<void> {
    timer = undefined;
    delivering = true;
    const batch = waiting.splice(0, consumer.maxBatchSize);
    for (const message of batch) message.attempts += 1;
    let pauseMs = consumer.maxBatchTimeoutSeconds * 1_000;
    try {
      const delays = new Map(
        (await deliver(consumer.queue, batch)).map(({ id, delaySeconds = 0 }) => [id, delaySeconds]),
      );
      for (const message of batch) {
        const delaySeconds = delays.get(message.id);
        if (delaySeconds === undefined) continue;
        if (message.attempts > consumer.maxRetries) deadCount += 1;
        else if (delaySeconds === 0) waiting.push(message);
        else comeBack(message, delaySeconds);
      }
      if (waiting.length >= consumer.maxBatchSize) pauseMs = 0;
    } catch {
      // The consumer's process is away; the supervisor is starting it again. Nothing was delivered, so no attempt is counted.
      for (const message of batch) message.attempts -= 1;
      waiting.unshift(...batch);
      pauseMs = UNREACHABLE_PAUSE_MS;
    }
    delivering = false;
    schedule(pauseMs);
  }

  function comeBack(message: Message, delaySeconds: number): void {
    const alarm = setTimeout(() => {
      delayed.delete(alarm);
      waiting.push(message);
      schedule(0);
    }, delaySeconds * 1_000);
    delayed.add(alarm);
  }

  function accept(bodies: readonly unknown[]): void {
    for (const body of bodies) waiting.push({ id: randomUUID(), timestampMs: Date.now(), body, attempts: 0 });
    // Of a crowd that nobody fetches the oldest may go: the ledger's cron finds them in Redis.
    if (waiting.length > MAX_WAITING) waiting.splice(0, waiting.length - MAX_WAITING);
    if (waiting.length >= consumer.maxBatchSize && !delivering) {
      clearTimeout(timer);
      timer = undefined;
      schedule(0);
    } else schedule(consumer.maxBatchTimeoutSeconds * 1_000);
  }

  const server = createServer((request, response) => {
    void readBodies(request)
      .then((bodies) => {
        accept(bodies);
        response.setHeader("content-type", "application/json");
        // workerd refuses a reply without these numbers, and the sender would take its message for lost.
        const metrics = {
          backlogCount: waiting.length,
          backlogBytes: 0,
          oldestMessageTimestamp: waiting[0]?.timestampMs ?? 0,
        };
        response.end(JSON.stringify({ metadata: { metrics } }));
      })
      .catch(() => {
        response.statusCode = 400;
        response.end();
      });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    dead: () => deadCount,
    async close() {
      closed = true;
      clearTimeout(timer);
      for (const alarm of delayed) clearTimeout(alarm);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** workerd's form of `send` (the body alone, its format in a header) and of `sendBatch` (a list, bodies in base64). Text stays text. */
async function readBodies(request: IncomingMessage): Promise<readonly unknown[]> {
  const content = (await buffer(request)).toString("utf8");
  if (request.url !== "/batch") return [request.headers["x-msg-fmt"] === "text" ? content : JSON.parse(content)];
  const { messages } = JSON.parse(content) as { messages: readonly { readonly body: string }[] };
  return messages.map(({ body }) => JSON.parse(Buffer.from(body, "base64").toString("utf8")) as unknown);
}
