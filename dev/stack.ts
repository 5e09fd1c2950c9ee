/**
 * The whole local stack as one call: what `npm run dev` and `npm run serve` start, and what the end-to-end tests talk to.
 *
 * One supervisor (this process) and below it: the Redis endpoint, the Postgres endpoint, two simulated backends, the ledger Worker, the seats Worker where a
 * backend has seats, one or more gateways. Everything listens on loopback. Stacks with different data directories run side by side.
 */
import { join, resolve } from "node:path";
import { buildWorkers } from "../scripts/build.ts";
import { compileFile, defaultConfigFile, writeBase } from "../scripts/compile-config.ts";
import { projectRoot } from "../scripts/project.ts";
import { parseEnvironment } from "../src/config/environment.ts";
import { type LeftOut, leftOut } from "../src/config/left-out.ts";
import type { BaseConfig } from "../src/core/config.ts";
import type { ChildOptions } from "./child.ts";
import { configuredNames, fixedModelNames, simulatedModelNames } from "./configured-names.ts";
import { requireNoStack, takeDataDir, writePrivately } from "./data-dir.ts";
import { developWorkers } from "./dev-workers.ts";
import { startGuard } from "./guard-handle.ts";
import { type LocalServices, startServices, stopServices } from "./local-services.ts";
import { connectionString } from "./neon/connection-string.ts";
import { migrate } from "./neon/migrate.ts";
import { setRolePasswords } from "./neon/roles.ts";
import { requireFree } from "./ports.ts";
import type { RunningWorkers } from "./running-workers.ts";
import { loadSecrets, saveSecrets } from "./secrets.ts";
import { isKeyAccepted, mintLocalKey, waitForHealth } from "./seed.ts";
import { serveWorkers } from "./serve-workers.ts";
import type { ProcessName, Stack, StackOptions } from "./stack-types.ts";
import { StartError } from "./start-error.ts";
import { watchConfig } from "./watch-config.ts";
import { readExternals, type Surroundings, type WorkerEnvironments, workerEnvironments } from "./worker-env.ts";

export type { ProcessName, Stack, StackOptions } from "./stack-types.ts";
export { StartError } from "./start-error.ts";

const HEALTHY_WITHIN_MS = 60_000;
const CRON_PERIOD_MS = 60_000;

/**
 * Starts a stack and resolves when a request would be answered. Throws a `StartError` (or a `ConfigError`) with a line that says what to do
 * where a person can put it right. Nothing is left running then.
 */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const surroundings = options.surroundings ?? process.env;
  const { gateways = 1, port = 0, mode = "serve", postgresUrl } = options;
  const ports = Array.from({ length: gateways }, (_, index) => (port === 0 ? 0 : port + index));
  const externals = readExternals(surroundings);
  const configFile = options.configFile === undefined ? defaultConfigFile() : resolve(options.configFile);
  const config = compileFile(configFile);
  const folder = options.dataDir ?? join(projectRoot, ".dev");
  // A stack of the same folder is most likely what holds the port.
  requireNoStack(folder);
  await requireFree(ports);

  const dataDir = takeDataDir(folder, options.fresh ?? false);
  const guard = startGuard();
  const closers: (() => unknown)[] = [() => dataDir.release(), () => guard.close()];
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= (async () => {
      for (const close of closers.toReversed()) await close();
    })();
    return stopped;
  };

  try {
    const notice = options.onNotice ?? (() => undefined);
    const childOptions: ChildOptions = {
      guard,
      restart: options.restart ?? true,
      onRestart: (name, why) => notice(`${name} ${why} and was started again`),
    };
    const secrets = loadSecrets(dataDir.secretsFile);
    const building = mode === "serve" ? buildWorkers(configFile) : undefined;
    building?.catch(() => undefined);
    // A copy of this stack's own: what others compile changes nothing here.
    const base = join(dataDir.runDir("config"), "base.json");
    if (mode === "dev") {
      writeBase(config, base);
      closers.push(watchConfig(configFile, base, notice));
    }

    const { redis: redisForm = "auto", backendFlags = [] } = options;
    const services = await startServices({
      dataDir,
      secrets,
      externals,
      redisForm,
      postgresUrl,
      backendFlags,
      alsoServe: fixedModelNames(config, externals),
      childOptions,
    });
    closers.push(() => stopServices(services));
    const loginOf = (role?: string): string => connectionString(services.postgres?.ready.url ?? "", role);
    await prepareDatabase(services, loginOf, surroundings);

    const endpoints = {
      redisUrl: services.redis?.ready.url,
      neonUrl: services.postgres?.ready.url,
      homeUrl: services.home?.ready.url,
      cloudUrl: services.cloud?.ready.url,
      configuredNames: configuredNames(config),
      simulatedModels: simulatedModelNames(config, externals),
      roleUrl: loginOf,
    };
    const environments = withOverrides(workerEnvironments(endpoints, secrets, surroundings), options);
    const hasSeats = Object.values(config.backends).some(({ seats, health }) => seats ?? health);
    const hosting = { environments, dataDir, ports, childOptions, hasSeats };
    const workers =
      building === undefined
        ? await developWorkers({ ...hosting, base, onLine: (worker, line) => options.onWorkerLine?.(worker, line) })
        : await serveWorkers({ ...hosting, build: await building });
    closers.push(() => workers.stop());
    const runCron = async () => {
      await Promise.all([workers.runCron(), askHealth(config, workers)]);
    };
    const urls = workers.gateways.map(({ url }) => url);
    const [gateway] = urls;
    if (gateway === undefined) throw new StartError("--gateways wants at least 1");
    await Promise.all(urls.map((url) => waitForHealth(url, HEALTHY_WITHIN_MS)));

    const adminKey = environments.gateway.ADMIN_KEY ?? secrets.adminKey;
    const keptKey =
      secrets.apiKey !== undefined && (await isKeyAccepted(gateway, secrets.apiKey)) ? secrets.apiKey : "";
    const apiKey = keptKey || (await mintLocalKey(gateway, adminKey, options.key));
    if (apiKey !== keptKey) saveSecrets(dataDir.secretsFile, { ...secrets, apiKey });
    if (options.cron !== false) closers.push(startCron(runCron, notice));

    const model = firstModel(config);
    const backend = environments.gateway.VLLM_BASE_URL ?? null;
    const database = services.postgres === undefined ? null : loginOf();
    const ready = { gateway, apiKey, adminKey, model, backend, database, console: null };
    writePrivately(dataDir.readyFile, `${JSON.stringify(ready, null, 2)}\n`);
    return {
      gateway,
      gateways: urls,
      apiKey,
      apiKeyIsNew: apiKey !== keptKey,
      adminKey,
      metricsToken: environments.gateway.METRICS_TOKEN ?? secrets.metricsToken,
      model,
      config,
      externals,
      leftOut: lackingIn(environments.gateway, config),
      dataDir: dataDir.path,
      secretsFile: dataDir.secretsFile,
      redis: services.redis && {
        ...services.redis.ready,
        gatewayToken: secrets.gatewayRedisToken,
        ledgerToken: secrets.ledgerRedisToken,
      },
      postgres: services.postgres && { ...services.postgres.ready, roleUrl: loginOf },
      home: services.home?.ready,
      cloud: services.cloud?.ready,
      seats: workers.seats && { url: `http://127.0.0.1:${workers.seats.ready.port}` },
      process: (name, index = 0) => processOf(services, workers, name, index),
      runCron,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Brings the local database up to date; a real one only where its owner's login is given. */
async function prepareDatabase(
  services: LocalServices,
  loginOf: (role?: string) => string,
  surroundings: Surroundings,
): Promise<void> {
  if (services.postgres === undefined) {
    const { DATABASE_OWNER_URL: ownerUrl } = surroundings;
    if (ownerUrl) await migrate({ connectionString: ownerUrl });
    return;
  }
  const target = { connectionString: loginOf(), endpointUrl: services.postgres.ready.url };
  await migrate(target);
  await setRolePasswords(target);
}

/** Judged as the gateway does it; nothing where it does not start for other reasons, which it says itself. */
function lackingIn(variables: Readonly<Record<string, string>>, config: BaseConfig): LeftOut {
  const parsed = parseEnvironment(variables, config);
  return parsed.ok
    ? leftOut(config, parsed.environment)
    : { backends: new Map(), routes: [], servesNothing: false, lines: [] };
}

function withOverrides(environments: WorkerEnvironments, options: StackOptions): WorkerEnvironments {
  return {
    gateway: { ...environments.gateway, ...options.gatewayEnv },
    ledger: { ...environments.ledger, ...options.ledgerEnv },
    seats: environments.seats,
  };
}

/** What the seats Worker's cron does. */
async function askHealth(config: BaseConfig, { seats }: RunningWorkers): Promise<void> {
  if (!seats) return;
  const watched = Object.values(config.backends).filter(({ health }) => health !== undefined);
  for (const { name } of watched) {
    const response = await fetch(`http://127.0.0.1:${seats.ready.port}/${name}`, { headers: { "x-poll": "cron" } });
    await response.body?.cancel();
  }
}

function startCron(runCron: () => Promise<void>, notice: (line: string) => void): () => void {
  const timer = setInterval(() => {
    // A ledger that was just killed misses one; the next minute does its work.
    runCron().catch((error: unknown) => notice(`cron: ${error instanceof Error ? error.message : String(error)}`));
  }, CRON_PERIOD_MS);
  return () => clearInterval(timer);
}

/** The first alias for chat, as the configuration lists them. */
function firstModel(config: BaseConfig): string {
  const routes = Object.values(config.routes);
  const first = routes.find((route) => route.operation === "chat") ?? routes[0];
  if (first === undefined) throw new StartError("the configuration has no route");
  return first.alias;
}

function processOf(services: LocalServices, workers: RunningWorkers, name: ProcessName, index: number) {
  if (name === "ledger") return workers.ledger;
  const found =
    name === "gateway" ? workers.gateways[index]?.process : name === "seats" ? workers.seats : services[name];
  if (found === undefined) throw new Error(`this stack has no process ${name} ${index}`);
  return found;
}
