import { composeOnce } from "./compose.ts";
import { consume } from "./consume.ts";
import { sweep } from "./sweep.ts";

/**
 * The ledger Worker: events from the queue soon, records from Redis each minute, both to Postgres, each request once.
 * It has no public routes but a health answer that touches nothing.
 */
export default {
  async queue(batch, env) {
    await consume(batch.messages, composeOnce(env));
  },

  async scheduled(_controller, env) {
    const ledger = composeOnce(env);
    const report = await sweep(ledger);
    if (report.written + report.buried > 0 || report.stopped !== undefined) ledger.log({ message: "swept", ...report });
  },

  fetch(request) {
    const isHealth = new URL(request.url).pathname === "/healthz";
    return isHealth ? Response.json({ status: "ok" }) : new Response("not here\n", { status: 404 });
  },
} satisfies ExportedHandler<unknown>;
