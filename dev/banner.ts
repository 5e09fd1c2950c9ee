import { relative } from "node:path";
import { simulatedBy } from "./configured-names.ts";
import { findNearbyServers } from "./nearby-models.ts";
import type { Stack } from "./stack-types.ts";

/** What is printed when a stack is ready: where it is, how to call it, and what of it is simulated. */
export async function banner(stack: Stack, mode: "dev" | "serve"): Promise<string> {
  const { externals, redis, postgres } = stack;
  const secretsFile = relative(process.cwd(), stack.secretsFile) || stack.secretsFile;
  const key = stack.apiKeyIsNew
    ? `${stack.apiKey}   (new; kept in ${secretsFile})`
    : `kept in ${secretsFile} as "apiKey"`;
  const shownKey = stack.apiKeyIsNew ? stack.apiKey : `$(node -p 'require("./${secretsFile}").apiKey')`;
  const lines = [
    `The gateway is ready: ${stack.gateways.join(", ")}`,
    `  API key   ${key}`,
    `  Redis     ${externals.redis ? "UPSTASH_REDIS_REST_URL" : `local, ${redis?.form}`}`,
    `  Postgres  ${externals.postgres ? "DATABASE_URL" : `local, ${postgres?.form}`}`,
    `  Backends  ${backends(stack) || "none"}`,
    ...stack.leftOut.lines.map((line) => `            ${line}`),
    `  Logs      ${relative(process.cwd(), stack.dataDir)}/logs`,
    "",
    "Try it:",
    `  curl -N ${stack.gateway}/v1/chat/completions -H "authorization: Bearer ${shownKey}" -H "content-type: application/json" -d '${requestBody(stack)}'`,
    ...(await mentions(stack, mode)),
    "",
    `Ctrl-C stops everything${mode === "dev" ? "; a changed source file is reloaded" : ""}.`,
  ];
  return lines.join("\n");
}

function requestBody(stack: Stack): string {
  return JSON.stringify({ model: stack.model, messages: [{ role: "user", content: "Say hello." }], stream: true });
}

/** Those of the configuration, and none besides. */
function backends({ config, externals, leftOut }: Pick<Stack, "config" | "externals" | "leftOut">): string {
  return Object.values(config.backends)
    .flatMap((backend) => {
      if (leftOut.backends.has(backend.name)) return [];
      return [`${backend.name} is ${simulatedBy(backend, externals) === undefined ? "real" : "simulated"}`];
    })
    .join(", ");
}

async function mentions(stack: Stack, mode: string): Promise<readonly string[]> {
  const isAsked = Object.values(stack.config.backends).some(
    (backend) => simulatedBy(backend, stack.externals) === "home",
  );
  if (!isAsked) return [];
  const servers = await findNearbyServers();
  return servers.flatMap(({ product, baseUrl, model }) => [
    "",
    `${product} answers at ${baseUrl}. To use it in place of the simulated vLLM:`,
    `  VLLM_BASE_URL=${baseUrl} VLLM_MODEL=${model} npm run ${mode}`,
  ]);
}
