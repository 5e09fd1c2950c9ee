import { parseArgs } from "node:util";
import { type RedisEndpoint, type RedisEndpointOptions, startRedisEndpoint } from "./endpoint.ts";
import { StartError } from "./protocol.ts";

export { CONTROL_PATH, type RedisEndpoint, type RedisEndpointOptions, startRedisEndpoint } from "./endpoint.ts";
export type { ControlOrder, Fault } from "./faults.ts";

const USAGE = `A local Redis that speaks Upstash's REST protocol.

  node dev/redis/main.ts --tokens one,two [options]

  --port <number>      the port on loopback; 0, the default, takes a free one
  --tokens <list>      the tokens that are accepted, separated by commas
  --auto               REDIS_URL, else the redis-server of this machine, else the embedded store (default)
  --redis-url <url>    a Redis that runs already, e.g. redis://127.0.0.1:6379/0
  --server             a redis-server is a must
  --embedded           the embedded store
  --data-dir <folder>  keeps data there between starts

When ready it prints one line: {"ready":true,"url":…,"form":…}. GET and POST /__control count and plant faults.`;

/** The command line as options. Throws a `StartError` that names the argument which is wrong. */
export function readArguments(args: readonly string[], env: NodeJS.ProcessEnv): RedisEndpointOptions | "help" {
  const { values } = parse(args);
  if (values.help) return "help";
  const port = Number(values.port ?? "0");
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new StartError("--port wants a number up to 65535");
  const forms = [values.auto, values.server, values.embedded, values["redis-url"] !== undefined].filter(Boolean);
  if (forms.length > 1) throw new StartError("Choose one of --auto, --redis-url, --server and --embedded");
  const redisUrl = values["redis-url"] ?? env.REDIS_URL;
  return {
    port,
    tokens: (values.tokens ?? "").split(",").filter(Boolean),
    form: values.embedded ? "embedded" : values.server ? "redis-server" : "auto",
    ...(redisUrl ? { redisUrl } : {}),
    ...(values["data-dir"] === undefined ? {} : { dataDir: values["data-dir"] }),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        port: { type: "string" },
        tokens: { type: "string" },
        auto: { type: "boolean" },
        server: { type: "boolean" },
        embedded: { type: "boolean" },
        "redis-url": { type: "string" },
        "data-dir": { type: "string" },
        help: { type: "boolean" },
      },
    });
  } catch (error) {
    throw new StartError(`${error instanceof Error ? error.message : String(error)} (--help lists the options)`);
  }
}

async function main(): Promise<void> {
  const options = readArguments(process.argv.slice(2), process.env);
  if (options === "help") {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  const endpoint = await startRedisEndpoint(options);
  stopOnSignal(endpoint);
  if (endpoint.note !== undefined) process.stderr.write(`redis: ${endpoint.note}\n`);
  process.stdout.write(`${JSON.stringify({ ready: true, url: endpoint.url, form: endpoint.form })}\n`);
}

function stopOnSignal(endpoint: RedisEndpoint): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => {
      endpoint.close().then(
        () => process.exit(0),
        (error: Error) => fail(error),
      );
    });
  }
}

function fail(error: unknown): never {
  const expected = error instanceof StartError;
  process.stderr.write(`redis: ${expected ? error.message : error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
}

if (import.meta.main) main().catch(fail);
