import { parseArgs } from "node:util";
import type { RedisForm } from "./local-services.ts";
import { readPort } from "./ports.ts";
import type { StackOptions } from "./stack-types.ts";
import { StartError } from "./start-error.ts";

const DEFAULT_PORT = 8787;
const MOST_GATEWAYS = 16;
const REDIS_FORMS: readonly RedisForm[] = ["auto", "server", "embedded"];

/** What `--help` prints. */
export function usage(mode: "dev" | "serve"): string {
  const start = mode === "dev" ? "from source, reloaded on change" : "from the built, minified bundle";
  return `npm run ${mode} [-- options]: the whole local stack, the gateway ${start}.

  --port <number>       the gateway's port on loopback; else PORT, else ${DEFAULT_PORT}; 0 takes a free one
  --fresh               start from empty data
  --config <file.yaml>  the configuration; else GATEWAY_CONFIG, else config/homelab.yaml
  --data-dir <folder>   where data, secrets and logs are kept; default .dev
  --redis <form>        auto (default), server or embedded
  --gateways <number>   gateway processes that share Redis and Postgres, on ports in a row (serve)
  --no-restart          leave a process that died dead

Set VLLM_BASE_URL, OPENAI_API_KEY, ANTHROPIC_API_KEY, DATABASE_URL or UPSTASH_REDIS_REST_URL to use the real thing in place of
the local one; a .dev.vars file in the project's folder is read too.`;
}

/** Reads flags and `PORT`. Throws a `StartError` that names what is wrong. */
export function readCommandLine(
  mode: "dev" | "serve",
  argumentsGiven: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): StackOptions | "help" {
  const values = parse(argumentsGiven);
  if (values.help) return "help";
  const { PORT } = environment;
  const fromEnvironment = PORT ? readPort(PORT, "PORT") : DEFAULT_PORT;
  const port = values.port === undefined ? fromEnvironment : readPort(values.port, "--port");
  const gateways = Number(values.gateways ?? "1");
  if (!Number.isInteger(gateways) || gateways < 1 || gateways > MOST_GATEWAYS) {
    throw new StartError(`--gateways ${values.gateways}: give a number from 1 to ${MOST_GATEWAYS}`);
  }
  const redis = REDIS_FORMS.find((form) => form === (values.redis ?? "auto"));
  if (redis === undefined) throw new StartError(`--redis ${values.redis}: give one of ${REDIS_FORMS.join(", ")}`);
  return {
    mode,
    port,
    gateways,
    redis,
    fresh: values.fresh ?? false,
    restart: !values["no-restart"],
    ...(values.config !== undefined && { configFile: values.config }),
    ...(values["data-dir"] !== undefined && { dataDir: values["data-dir"] }),
  };
}

function parse(argumentsGiven: readonly string[]) {
  try {
    return parseArgs({
      args: [...argumentsGiven],
      options: {
        port: { type: "string" },
        fresh: { type: "boolean" },
        config: { type: "string" },
        "data-dir": { type: "string" },
        redis: { type: "string" },
        gateways: { type: "string" },
        "no-restart": { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    }).values;
  } catch (error) {
    const [reason = ""] = (error instanceof Error ? error.message : String(error)).split(". ");
    throw new StartError(`${reason}; --help lists the options`);
  }
}
