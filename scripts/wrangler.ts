import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Unstable_Config } from "wrangler";
import { projectRoot } from "./project.ts";

/** The Workers of this project: what each is called here, and where its wrangler.toml is. */
export const workers = {
  gateway: { configFile: join(projectRoot, "wrangler.toml") },
  ledger: { configFile: join(projectRoot, "workers", "ledger", "wrangler.toml") },
  seats: { configFile: join(projectRoot, "workers", "seats", "wrangler.toml") },
} as const;

export type WorkerName = keyof typeof workers;

/** wrangler's own program; run it with this process's Node. */
export const wranglerProgram = join(projectRoot, "node_modules", "wrangler", "bin", "wrangler.js");

/** Keeps wrangler from calling home: no statistics, no look-ups, no error reports, so that it works without a network. */
export const quietWrangler: Readonly<Record<string, string>> = {
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_SEND_ERROR_REPORTS: "false",
  WRANGLER_HIDE_BANNER: "true",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  WRANGLER_LOG_PATH: join(projectRoot, ".dev", "logs", "wrangler"),
  CI: "true",
  FORCE_COLOR: "0",
};

/**
 * Bundles a Worker as a deployment would, without deploying: `wrangler deploy --dry-run --minify`. The folder then holds index.js, its
 * source map and bundle-meta.json. Throws with what wrangler said. `aliases` replace module specifiers.
 */
export async function bundleWorker(
  name: WorkerName,
  outDir: string,
  aliases: Readonly<Record<string, string>> = {},
): Promise<void> {
  const substitutes = Object.entries(aliases).flatMap(([specifier, file]) => ["--alias", `${specifier}:${file}`]);
  const flags = [
    "--dry-run",
    ...(process.env.LAB_NOMIN ? [] : ["--minify"]),
    "--metafile",
    "--outdir",
    outDir,
    ...substitutes,
  ];
  const child = spawn(process.execPath, [wranglerProgram, "deploy", "-c", workers[name].configFile, ...flags], {
    cwd: projectRoot,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...quietWrangler },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString("utf8");
    });
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code !== 0) throw new Error(`the ${name} Worker does not build:\n${output.trim()}`);
}

/** A Worker's wrangler.toml, read and completed by wrangler itself. Loading wrangler takes a second. */
export function readWranglerConfig(name: WorkerName): Unstable_Config {
  const wrangler = createRequire(import.meta.url)("wrangler") as typeof import("wrangler");
  return wrangler.unstable_readConfig({ config: workers[name].configFile });
}
