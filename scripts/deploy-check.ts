/**
 * Builds every Worker in a dry run, prints what each weighs, and fails where the gateway is heavier than it may be:
 *
 *     node scripts/ensure.mjs scripts/deploy-check.ts
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { bundleWorker, type WorkerName, workers } from "./wrangler.ts";

/** Gzipped, because that is what the platform counts. */
const limitsKiB: Readonly<Partial<Record<WorkerName, number>>> = { gateway: 200 };

/** Sizes of all modules of a bundle together; source maps and notes are not deployed. */
function weigh(directory: string): { readonly rawKiB: number; readonly gzippedKiB: number } {
  const modules = readdirSync(directory).filter((file) => !/\.(map|md|json)$/.test(file));
  const code = Buffer.concat(modules.map((file) => readFileSync(join(directory, file))));
  return { rawKiB: code.length / 1024, gzippedKiB: gzipSync(code, { level: 9 }).length / 1024 };
}

const scratch = mkdtempSync(join(tmpdir(), "deploy-check-"));
let failed = false;
try {
  console.log("worker      raw KiB   gzipped KiB   limit KiB");
  for (const name of Object.keys(workers) as WorkerName[]) {
    const directory = join(scratch, name);
    await bundleWorker(name, directory);
    const { rawKiB, gzippedKiB } = weigh(directory);
    const limitKiB = limitsKiB[name];
    const tooHeavy = limitKiB !== undefined && gzippedKiB > limitKiB;
    failed ||= tooHeavy;
    const cells = [
      rawKiB.toFixed(1).padStart(8),
      gzippedKiB.toFixed(1).padStart(14),
      String(limitKiB ?? "-").padStart(12),
    ];
    console.log(`${name.padEnd(10)}${cells.join("")}${tooHeavy ? "   too heavy" : ""}`);
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  failed = true;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
process.exitCode = failed ? 1 : 0;
