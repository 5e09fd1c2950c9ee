import { join } from "node:path";
import { projectRoot } from "../scripts/project.ts";
import { type Child, type ChildOptions, type ChildPlan, startChild } from "./child.ts";
import type { DataDir } from "./data-dir.ts";
import type { LocalSecrets } from "./secrets.ts";
import type { Externals } from "./worker-env.ts";

/** The stand-ins for what runs elsewhere in production: Redis, Postgres and the backends, each a process of its own. */

export interface ServiceReport {
  readonly url: string;
  /** Which Redis or Postgres is behind it. */
  readonly form?: string;
  /** Where a simulated backend is told to fail and asked what it did. */
  readonly controlUrl?: string;
}

/** Which Redis the local endpoint puts behind it. */
export type RedisForm = "auto" | "server" | "embedded";

const READY_WITHIN_MS = 60_000;

/** Undefined where the real thing is used. */
export interface LocalServices {
  readonly redis: Child<ServiceReport> | undefined;
  readonly postgres: Child<ServiceReport> | undefined;
  readonly home: Child<ServiceReport> | undefined;
  readonly cloud: Child<ServiceReport> | undefined;
}

export interface ServicesPlan {
  readonly dataDir: DataDir;
  readonly secrets: LocalSecrets;
  readonly externals: Externals;
  readonly redisForm: RedisForm;
  /** A superuser's URL of a native Postgres, in place of PGlite. */
  readonly postgresUrl: string | undefined;
  readonly backendFlags: readonly string[];
  /** Names of real models that the simulated backends answer under. */
  readonly alsoServe: Readonly<Record<"home" | "cloud", readonly string[]>>;
  readonly childOptions: ChildOptions;
}

/**
 * Starts what the surroundings do not replace, all at once. `home` stands for the vLLM at home, `cloud` for OpenAI (at /v1) and Anthropic (at
 * /anthropic). Throws a `StartError` when one fails; the others are stopped then.
 */
export async function startServices(plan: ServicesPlan): Promise<LocalServices> {
  const { dataDir, secrets, externals, childOptions } = plan;
  const start = (isReal: boolean, name: string, folder: string, flags: readonly string[]) =>
    isReal ? undefined : startChild(servicePlan(name, folder, flags, dataDir), childOptions);
  // Both Workers' tokens are accepted.
  const tokens = `${secrets.gatewayRedisToken},${secrets.ledgerRedisToken}`;
  const redisFlags = [`--${plan.redisForm}`, "--tokens", tokens, "--data-dir", dataDir.redisDir];
  const postgresFlags =
    plan.postgresUrl === undefined ? ["--data-dir", dataDir.postgresDir] : ["--postgres-url", plan.postgresUrl];
  const backend = (name: "home" | "cloud") => {
    const names = plan.alsoServe[name];
    return ["--name", name, ...(names.length > 0 ? ["--also-serve", names.join(",")] : []), ...plan.backendFlags];
  };
  const starts = await Promise.allSettled([
    start(externals.redis, "redis", "redis", redisFlags),
    start(externals.postgres, "postgres", "neon", postgresFlags),
    start(externals.vllm, "home", "backends", backend("home")),
    start(externals.openai && externals.anthropic, "cloud", "backends", backend("cloud")),
  ]);
  const failed = starts.find((outcome) => outcome.status === "rejected");
  const [redis, postgres, home, cloud] = starts.map((outcome) =>
    outcome.status === "fulfilled" ? outcome.value : undefined,
  );
  const services = { redis, postgres, home, cloud };
  if (failed === undefined) return services;
  await stopServices(services);
  throw failed.reason;
}

export async function stopServices(services: LocalServices): Promise<void> {
  await Promise.all(Object.values(services).map((service: Child<ServiceReport> | undefined) => service?.stop()));
}

/** They all take `--port`, and print `{"ready":true,"url":…}`. */
function servicePlan(
  name: string,
  folder: string,
  flags: readonly string[],
  dataDir: DataDir,
): ChildPlan<ServiceReport> {
  return {
    name,
    command: process.execPath,
    args: (before) => {
      const port = before === undefined ? "0" : new URL(before.url).port;
      return [join(projectRoot, "dev", folder, "main.ts"), "--port", port, ...flags];
    },
    logFile: dataDir.logFile(name),
    readyOn: "stdout",
    readReady: readServiceReport,
    readyWithinMs: READY_WITHIN_MS,
  };
}

function readServiceReport(line: string): ServiceReport | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const report = JSON.parse(line) as ServiceReport & { readonly ready?: boolean };
    return report.ready === true && typeof report.url === "string" ? report : undefined;
  } catch {
    return undefined;
  }
}
