import { sql } from "drizzle-orm";
import type { Neon } from "./client.ts";

/** Whether Postgres answers, for `/readyz`. `reason` is one word, safe to show. */
export async function pingNeon(neon: Neon): Promise<{ readonly healthy: boolean; readonly reason?: string }> {
  const outcome = await neon.run((db) => db.execute(sql`select 1`));
  if (outcome.kind === "ok") return { healthy: true };
  return { healthy: false, reason: outcome.kind === "unavailable" ? outcome.detail : outcome.code };
}
