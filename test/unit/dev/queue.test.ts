import { afterEach, expect, test, vi } from "vitest";
import { type Deliver, type LocalQueue, openQueue } from "../../../dev/queue.ts";

const CONSUMER = { queue: "ledger", maxBatchSize: 10, maxBatchTimeoutSeconds: 0.01, maxRetries: 2 };

let queue: LocalQueue | undefined;
afterEach(() => queue?.close());

async function send(body: string, headers: Record<string, string> = {}): Promise<void> {
  const response = await fetch(`http://${queue?.address}/message`, { method: "POST", body, headers });
  expect(response.status).toBe(200);
}

/** A consumer that asks for each message again, after a delay of its own for each attempt. */
function asking(delays: readonly (number | undefined)[]) {
  const seen: { readonly body: unknown; readonly attempts: number; readonly atMs: number }[] = [];
  const deliver: Deliver = async (_, messages) => {
    for (const { body, attempts } of messages) seen.push({ body, attempts, atMs: Date.now() });
    return messages.flatMap(({ id, attempts }) =>
      attempts <= delays.length ? [{ id, delaySeconds: delays[attempts - 1] }] : [],
    );
  };
  return { seen, deliver };
}

// planted: what must come again came with the next batch, whatever delay was asked for
test("a message comes again after the delay that the consumer asked for, not before", async () => {
  const { seen, deliver } = asking([0.2]);
  queue = await openQueue(CONSUMER, deliver);
  await send('{"n":1}');
  await vi.waitFor(() => expect(seen.map(({ attempts }) => attempts)).toEqual([1, 2]), 5_000);
  expect((seen[1]?.atMs ?? 0) - (seen[0]?.atMs ?? 0)).toBeGreaterThanOrEqual(195);
});

// planted: retries were not counted
test("a message is given up after its last retry", async () => {
  const { seen, deliver } = asking([undefined, 0.01, undefined, undefined]);
  queue = await openQueue(CONSUMER, deliver);
  await send('{"n":1}');
  await vi.waitFor(() => expect(queue?.dead()).toBe(1), 5_000);
  expect(seen.map(({ attempts }) => attempts)).toEqual([1, 2, 3]);
});

// planted: text was parsed on the way
test("what was sent as text arrives as text, as on the platform", async () => {
  const { seen, deliver } = asking([]);
  queue = await openQueue(CONSUMER, deliver);
  await send('{"kind":"events"}', { "x-msg-fmt": "text" });
  await send('{"n":1}', { "x-msg-fmt": "json" });
  await vi.waitFor(() => expect(seen.map(({ body }) => body)).toEqual(['{"kind":"events"}', { n: 1 }]), 5_000);
});
