import type { Link } from "./link.ts";

export interface StoreHealth {
  readonly healthy: boolean;
  readonly ioMs: number;
  /** One word, safe to show: `timeout`, `network`, … */
  readonly detail?: string;
}

/** Whether Redis answers, for `/readyz`. */
export async function pingRedis(link: Link): Promise<StoreHealth> {
  const answer = await link.run([["PING"]]);
  if (!answer.ok) return { healthy: false, ioMs: answer.ioMs, detail: answer.detail };
  const healthy = answer.replies[0]?.result === "PONG";
  return { healthy, ioMs: answer.ioMs, ...(!healthy && { detail: "protocol" }) };
}
