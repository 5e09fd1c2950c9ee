/**
 * Stands in for the platform in front of the ledger Worker when it runs under plain workerd: turns HTTP calls of the supervisor into queue
 * and cron events. workerd runs JavaScript as it is, hence no TypeScript here.
 *
 *   POST /queue      {"queue": name, "messages": [{"id", "timestampMs", "attempts", "body"}]} → {"retry": [{"id", "delaySeconds"}]}
 *   POST /scheduled  {"cron": expression, "scheduledTimeMs"} → {"outcome"}
 *   GET  /           200 once the process is up
 */
export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (request.method !== "POST") return new Response("up\n");
    const order = await request.json();
    if (pathname === "/queue") return Response.json({ retry: await deliver(env.WORKER, order) });
    if (pathname === "/scheduled") {
      const { outcome } = await env.WORKER.scheduled({
        cron: order.cron,
        scheduledTime: new Date(order.scheduledTimeMs),
      });
      return Response.json({ outcome });
    }
    return new Response("unknown\n", { status: 404 });
  },
};

/** Resolves to the messages that have to be delivered again, and when where the Worker said so. */
async function deliver(worker, { queue, messages }) {
  const batch = messages.map(({ id, timestampMs, attempts, body }) => {
    return { id, timestamp: new Date(timestampMs), attempts, body };
  });
  const result = await worker.queue(queue, batch);
  if (result.ackAll) return [];
  if (result.outcome !== "ok" || result.retryBatch.retry) {
    const acknowledged = new Set(result.explicitAcks);
    const { delaySeconds } = result.retryBatch;
    return batch.filter(({ id }) => !acknowledged.has(id)).map(({ id }) => ({ id, delaySeconds }));
  }
  return result.retryMessages.map(({ msgId, delaySeconds }) => ({ id: msgId, delaySeconds }));
}
