import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { baseAliases } from "../scripts/compile-config.ts";
import { projectRoot } from "../scripts/project.ts";
import { quietWrangler, readWranglerConfig, type WorkerName, wranglerProgram } from "../scripts/wrangler.ts";
import { type Child, type ChildPlan, startChild } from "./child.ts";
import { writePrivately } from "./data-dir.ts";
import { freePort } from "./ports.ts";
import type { HostingPlan, RunningWorkers } from "./running-workers.ts";
import { StartError } from "./start-error.ts";

/**
 * Hosts the Workers' sources under `wrangler dev`, which reloads them when a file changes. Each Worker has a wrangler of its own, because cron
 * triggers reach only the first Worker of one; queue messages and the seats' sockets find their way through the registry folder that they share.
 */

interface WranglerReport {
  readonly port: number;
}

const READY_WITHIN_MS = 60_000;

export async function developWorkers(
  plan: HostingPlan & {
    /** The compiled configuration, in place of the one that the source imports. */
    readonly base: string;
    readonly onLine: (worker: WorkerName, line: string) => void;
  },
): Promise<RunningWorkers> {
  const [port] = plan.ports;
  if (port === undefined || plan.ports.length > 1) {
    throw new StartError("several gateways need the built bundle: use `npm run serve -- --gateways <n>`");
  }
  const starts = await Promise.allSettled([
    startWrangler("ledger", await freePort(), plan),
    startWrangler("gateway", port === 0 ? await freePort() : port, plan),
    ...(plan.hasSeats ? [startWrangler("seats", await freePort(), plan)] : []),
  ]);
  const [ledger, gateway, seats] = starts.map((start) => (start.status === "fulfilled" ? start.value : undefined));
  const stop = async (): Promise<void> => {
    await Promise.all([gateway?.stop(), ledger?.stop(), seats?.stop()]);
  };
  const failed = starts.find((start) => start.status === "rejected");
  if (ledger === undefined || gateway === undefined || failed !== undefined) {
    await stop();
    throw failed?.reason;
  }
  const crons = readWranglerConfig("ledger").triggers.crons ?? [];
  return {
    gateways: [{ url: `http://127.0.0.1:${gateway.ready.port}`, process: gateway }],
    ledger,
    seats,
    async runCron() {
      for (const cron of crons) {
        const trigger = `http://127.0.0.1:${ledger.ready.port}/cdn-cgi/local/scheduled?cron=${encodeURIComponent(cron)}`;
        const response = await fetch(trigger);
        const said = await response.text();
        if (said !== "ok") throw new Error(`the ledger's cron handler ended with "${said}"`);
      }
    },
    stop,
  };
}

function startWrangler(
  name: WorkerName,
  port: number,
  plan: Parameters<typeof developWorkers>[0],
): Promise<Child<WranglerReport>> {
  const { dataDir, environments, childOptions } = plan;
  const runDir = dataDir.runDir(name);
  const configFile = join(runDir, "wrangler.json");
  // Commented out in its wrangler.toml, since not everybody needs it.
  const services = [{ binding: "SEATS", service: readWranglerConfig("seats").name }];
  const config = { ...devConfig(name, plan.base), ...(name === "gateway" && plan.hasSeats && { services }) };
  writeFileSync(configFile, JSON.stringify(config, null, 2));
  // Beside the configuration, where wrangler looks for it. Its values are secrets to wrangler: it shows none of them.
  writePrivately(join(runDir, ".dev.vars"), dotenv(environments[name]));
  const flags = ["--ip", "127.0.0.1", "--inspector-port", "0", "--show-interactive-dev-session=false"];
  const wrangler: ChildPlan<WranglerReport> = {
    name,
    command: process.execPath,
    args: (before) => [
      wranglerProgram,
      "dev",
      ...["-c", configFile, "--port", String(before?.port ?? port)],
      ...["--persist-to", join(runDir, "state"), ...flags],
    ],
    cwd: projectRoot,
    env: { ...quietWrangler, WRANGLER_REGISTRY_PATH: join(dataDir.runDir("registry")) },
    logFile: dataDir.logFile(name),
    readyOn: "stdout",
    readReady(line) {
      const found = /Ready on http:\/\/[^:]+:(\d+)/.exec(line)?.[1];
      return found === undefined ? undefined : { port: Number(found) };
    },
    readyWithinMs: READY_WITHIN_MS,
    onLine: (line) => plan.onLine(name, line),
  };
  return startChild(wrangler, childOptions);
}

/**
 * The Worker's wrangler.toml for this stack: absolute paths, `base` for the compiled configuration that the source imports, and no build command, since
 * the supervisor compiles it itself.
 */
export function devConfig(name: WorkerName, base: string): object {
  const left = new Set([
    "configPath",
    "userConfigPath",
    "topLevelName",
    "definedEnvironments",
    "build",
    "placement",
    "dev",
    // Errors should name the lines and functions that were written, and size does not matter here.
    "minify",
    "keep_names",
    "alias",
  ]);
  const entries = Object.entries(readWranglerConfig(name)).filter(([key, value]) => {
    const isEmpty = typeof value === "object" && value !== null && Object.keys(value).length === 0;
    return !left.has(key) && !isEmpty && !key.startsWith("jsx_");
  });
  return { ...Object.fromEntries(entries), alias: baseAliases(base) };
}

function dotenv(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(([key, value]) => `${key}='${value}'\n`)
    .join("");
}
