import { type Check, type CheckContext, failed, pass } from "./check.ts";
import { diagnose } from "./who.ts";

/** What the gateway reads of vLLM's `/metrics`. */
const NEEDED = ["vllm:num_requests_running", "vllm:num_requests_waiting", "vllm:kv_cache_usage_perc"] as const;

export const metrics: Check = {
  name: "health and load",
  async run({ door }) {
    for (const path of ["/health", "/metrics", "/load"]) {
      const reply = await door.ask(path);
      if (reply.status !== 200) return failed(`${path}: ${diagnose(reply)}`);
      if (path === "/metrics") {
        const missing = NEEDED.find((name) => !reply.body.includes(`${name}{`));
        if (missing !== undefined)
          return failed(`/metrics has no ${missing}: is it vLLM's, and does it run without --disable-log-stats?`);
      }
      if (path === "/load" && !/"server_load"\s*:\s*\d/.test(reply.body))
        return failed("/load has no server_load: start vLLM with --enable-server-load-tracking");
    }
    return pass("/health, /metrics and /load answer");
  },
};

/** Requests in execution, over all engines and models; undefined where the metrics cannot be read. */
export async function requestsRunning({ door }: Pick<CheckContext, "door">): Promise<number | undefined> {
  const { status, body } = await door.ask("/metrics");
  if (status !== 200) return undefined;
  const series = [...body.matchAll(/^vllm:num_requests_running(?:\{[^}]*\})? ([\d.e+]+)$/gm)];
  return series.length === 0 ? undefined : series.reduce((sum, [, value]) => sum + Number(value), 0);
}
