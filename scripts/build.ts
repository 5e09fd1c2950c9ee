/**
 * Builds every Worker, minified, exactly as wrangler bundles them for deployment:
 *
 *     node scripts/ensure.mjs scripts/build.ts [--config file.yaml]
 *
 * A build is kept in dist/by-input/<hash of everything that went in>, so an unchanged project is not built twice and stacks with different
 * configurations do not disturb each other. The command also leaves the result at dist/gateway, dist/ledger and dist/seats.
 */
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join, relative, resolve } from "node:path";
import type { BaseConfig } from "../src/core/config.ts";
import { readArguments } from "./arguments.ts";
import { baseAliases, ConfigError, compileFile, defaultConfigFile, writeBase } from "./compile-config.ts";
import { projectRoot } from "./project.ts";
import { bundleWorker, readWranglerConfig, type WorkerName, workers } from "./wrangler.ts";

/** What a host must know of a Worker besides its code. From its wrangler.toml. */
export interface WorkerManifest {
  readonly compatibilityDate: string;
  readonly compatibilityFlags: readonly string[];
  /** The plain variables of `[vars]`. */
  readonly vars: Readonly<Record<string, string>>;
  /** Queues that it consumes. */
  readonly consumes: readonly QueueConsumer[];
  /** Cron expressions. */
  readonly crons: readonly string[];
  /** Its own Durable Objects. */
  readonly objects: readonly DurableObject[];
}

export interface DurableObject {
  readonly binding: string;
  readonly className: string;
}

export interface QueueConsumer {
  readonly queue: string;
  readonly maxBatchSize: number;
  readonly maxBatchTimeoutSeconds: number;
  readonly maxRetries: number;
}

export interface BuiltWorker extends WorkerManifest {
  /** Holds index.js. */
  readonly directory: string;
}

export interface Build {
  readonly config: BaseConfig;
  readonly workers: Readonly<Record<WorkerName, BuiltWorker>>;
}

const outputRoot = join(projectRoot, "dist");
const buildsKept = 6;
const DRAFT_ABANDONED_MS = 3_600_000;

/** Builds what is not built yet. Throws a `ConfigError` for a configuration that cannot be used, an `Error` with wrangler's words for code. */
export async function buildWorkers(configFile: string = defaultConfigFile()): Promise<Build> {
  const config = compileFile(configFile);
  const directory = join(outputRoot, "by-input", inputHash(config));
  await ensureBuilt(directory, config);
  // Used just now: not the first to be pruned.
  utimesSync(directory, new Date(), new Date());
  const read = (name: WorkerName): BuiltWorker => ({
    ...(JSON.parse(readFileSync(join(directory, name, "worker.json"), "utf8")) as WorkerManifest),
    directory: join(directory, name),
  });
  return { config, workers: { gateway: read("gateway"), ledger: read("ledger"), seats: read("seats") } };
}

const underWay = new Map<string, Promise<void>>();

/** Several stacks of one process share a build; several processes may each make one, and the first to finish is kept. */
async function ensureBuilt(directory: string, config: BaseConfig): Promise<void> {
  if (existsSync(directory)) return;
  const building = underWay.get(directory) ?? buildInto(directory, config);
  underWay.set(directory, building);
  await building.finally(() => underWay.delete(directory));
}

async function buildInto(directory: string, config: BaseConfig): Promise<void> {
  const draft = `${directory}.draft-${process.pid}`;
  mkdirSync(draft, { recursive: true });
  try {
    const base = join(draft, "base.json");
    writeBase(config, base);
    const aliases = baseAliases(base);
    const names = Object.keys(workers) as WorkerName[];
    // One after the other: both may run the same build command from their wrangler.toml.
    for (const name of names) {
      await bundleWorker(name, join(draft, name), aliases);
      writeFileSync(join(draft, name, "worker.json"), JSON.stringify(readManifest(name), null, 2));
    }
    keep(draft, directory);
    prune();
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

function keep(draft: string, directory: string): void {
  try {
    renameSync(draft, directory);
  } catch (error) {
    if (!existsSync(directory)) throw error;
  }
}

/** Everything that a bundle depends on, as one short name. */
function inputHash(config: BaseConfig): string {
  const hash = createHash("sha256").update(JSON.stringify(config));
  const sources = ["src/**/*", "workers/**/*", "scripts/neon-driver.ts"];
  const files = globSync([...sources, "wrangler.toml", "package-lock.json", "tsconfig*.json"], { cwd: projectRoot });
  for (const file of files.sort()) {
    const path = join(projectRoot, file);
    if (!statSync(path).isFile() || file.includes(".generated.") || file.includes(".wrangler")) continue;
    hash.update(`\0${file}\0`).update(readFileSync(path));
  }
  return hash.digest("hex").slice(0, 16);
}

/** What wrangler.toml may say of a consumer; the defaults are the platform's. */
interface ConsumerSettings {
  readonly queue: string;
  readonly max_batch_size?: number | undefined;
  readonly max_batch_timeout?: number | undefined;
  readonly max_retries?: number | undefined;
}

function readManifest(name: WorkerName): WorkerManifest {
  const settings = readWranglerConfig(name);
  if (settings.compatibility_date === undefined) throw new Error(`${name}: wrangler.toml names no compatibility_date`);
  return {
    compatibilityDate: settings.compatibility_date,
    compatibilityFlags: settings.compatibility_flags,
    vars: Object.fromEntries(Object.entries(settings.vars).map(([key, value]) => [key, String(value)])),
    consumes: (settings.queues.consumers ?? []).map((consumer: ConsumerSettings) => ({
      queue: consumer.queue,
      maxBatchSize: consumer.max_batch_size ?? 10,
      maxBatchTimeoutSeconds: consumer.max_batch_timeout ?? 5,
      maxRetries: consumer.max_retries ?? 3,
    })),
    crons: settings.triggers.crons ?? [],
    objects: settings.durable_objects.bindings.map(({ name: binding, class_name: className }) => ({
      binding,
      className,
    })),
  };
}

/** Removes the oldest builds, and drafts that a killed process left. A stack runs from a copy, so none in use is lost. */
function prune(): void {
  const folder = join(outputRoot, "by-input");
  const entries = readdirSync(folder).map((name) => ({ path: join(folder, name), draft: name.includes(".draft-") }));
  const ageMs = ({ path }: { path: string }): number =>
    Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0);
  const builds = entries.filter(({ draft }) => !draft).sort((a, b) => ageMs(a) - ageMs(b));
  const abandoned = entries.filter((entry) => entry.draft && ageMs(entry) > DRAFT_ABANDONED_MS);
  for (const old of [...builds.slice(buildsKept), ...abandoned]) rmSync(old.path, { recursive: true, force: true });
}

if (import.meta.main) {
  const usage = "usage: npm run build [-- --config file.yaml]: builds dist/gateway, dist/ledger and dist/seats";
  const { values } = readArguments(usage, { config: { type: "string" } });
  try {
    const build = await buildWorkers(values.config === undefined ? undefined : resolve(values.config));
    for (const [name, worker] of Object.entries(build.workers)) {
      const target = join(outputRoot, name);
      rmSync(target, { recursive: true, force: true });
      cpSync(worker.directory, target, { recursive: true });
      console.log(`${name}: ${relative(process.cwd(), join(target, "index.js"))}`);
    }
  } catch (error) {
    console.error(error instanceof ConfigError || error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
