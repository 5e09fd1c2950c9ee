import type { EnvironmentProblem } from "../config/environment.ts";

/**
 * What a gateway that lacks a setting answers to everything: 503 with the names of what is wrong, never a value. It answers
 * `/healthz` too: the process lives, and says that it cannot work.
 */
export function unconfigured(problems: readonly EnvironmentProblem[]): { fetch: () => Response } {
  const message = `The gateway is not configured: ${problems.map(({ name, reason }) => `${name} ${reason}`).join("; ")}.`;
  console.error(JSON.stringify({ level: "error", event: "unconfigured", problems }));
  const body = JSON.stringify({
    error: { message, type: "server_error", param: null, code: "gateway_not_configured" },
  });
  const headers = { "content-type": "application/json", "retry-after": "60", "x-should-retry": "false" };
  return { fetch: () => new Response(body, { status: 503, headers }) };
}
