import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { SmokeOptions } from "./check.ts";
import { isWell, smoke, table } from "./smoke.ts";

const USAGE = `Checks a tunnel to vLLM from the gateway's side. Answers are generated: run it while nobody else uses the GPU.

  npm run tunnel:smoke -- [--url URL] [--model NAME] [--embed-model NAME] [--rerank-model NAME] [--stream-tokens 128] [--abort-within-ms 3000]

What is left out comes from the environment, or from .dev.vars in the project's folder: VLLM_BASE_URL, VLLM_MODEL (home where there is none), VLLM_EMBED_MODEL, VLLM_RERANK_MODEL. Secrets only from
there: CF_ACCESS_CLIENT_ID, CF_ACCESS_CLIENT_SECRET, VLLM_API_KEY. Ends with 0 when all is well, 1 when a check failed, 2 when it could not begin.`;

/** Reads the command line and the environment. A string result says what is wrong. */
function readOptions(given: readonly string[], environment: NodeJS.ProcessEnv): SmokeOptions | string {
  const { values } = parseArgs({
    args: [...given],
    options: {
      url: { type: "string" },
      model: { type: "string" },
      "embed-model": { type: "string" },
      "rerank-model": { type: "string" },
      "stream-tokens": { type: "string", default: "128" },
      "abort-within-ms": { type: "string", default: "3000" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help) return USAGE;
  const url = values.url ?? environment.VLLM_BASE_URL;
  if (url === undefined || !/^https?:\/\/[^/]/.test(url))
    return `--url or VLLM_BASE_URL is missing, or no URL\n\n${USAGE}`;
  return {
    url,
    model: values.model ?? environment.VLLM_MODEL ?? "home",
    embedModel: values["embed-model"] ?? environment.VLLM_EMBED_MODEL,
    rerankModel: values["rerank-model"] ?? environment.VLLM_RERANK_MODEL,
    accessId: environment.CF_ACCESS_CLIENT_ID,
    accessSecret: environment.CF_ACCESS_CLIENT_SECRET,
    apiKey: environment.VLLM_API_KEY,
    streamTokens: Number(values["stream-tokens"]),
    abortWithinMs: Number(values["abort-within-ms"]),
  };
}

/** Runs the checks and prints them. Returns the exit code. */
export async function main(given: readonly string[]): Promise<number> {
  const variables = join(import.meta.dirname, "..", "..", ".dev.vars");
  // What is set already wins.
  if (existsSync(variables)) process.loadEnvFile(variables);
  const options = readOptions(given, process.env);
  if (typeof options === "string") {
    console.error(options);
    return options === USAGE ? 0 : 2;
  }
  const findings = await smoke(options);
  console.log(table(findings));
  const failures = findings.flatMap(({ check, verdict }) => (verdict?.ok === false ? [check] : []));
  console.log(isWell(findings) ? "The tunnel is well." : `The tunnel is not well: ${failures.join(", ")}.`);
  return isWell(findings) ? 0 : 1;
}

if (import.meta.main) {
  process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : String(error));
    return 2;
  });
}
