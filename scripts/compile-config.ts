/**
 * Compiles the configuration to the base that is bundled into the gateway:
 *
 *     node scripts/ensure.mjs scripts/compile-config.ts [file.yaml] [--out file.json]
 *
 * The file is the argument, else `GATEWAY_CONFIG`, else config/homelab.yaml. A wrong one ends with 1 and a line per problem.
 */
import { readFileSync } from "node:fs";
import { relative, resolve } from "node:path";
import { parseArgs } from "node:util";
import { compileConfig } from "../src/config/compile.ts";
import type { BaseConfig } from "../src/core/config.ts";
import { projectRoot } from "./project.ts";
import { writeWhereDifferent } from "./write-where-different.ts";

/** Where the gateway's source imports its base from; written by wrangler's build command too. */
export const generatedBase = resolve(projectRoot, "src", "config", "base.generated.json");

/** The configuration that is used when nothing else is asked for: `GATEWAY_CONFIG`, else the home lab's. */
export function defaultConfigFile(): string {
  return resolve(projectRoot, process.env.GATEWAY_CONFIG || "config/homelab.yaml");
}

/** A configuration that cannot be used. The message has one line a problem: file, path, reason. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** Reads and compiles a file. Throws a `ConfigError`. */
export function compileFile(file: string): BaseConfig {
  const shown = relative(process.cwd(), file);
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    throw new ConfigError(`${shown}: cannot be read; name another file with GATEWAY_CONFIG or --config`);
  }
  const compiled = compileConfig(text, shown);
  if (!compiled.ok) throw new ConfigError(compiled.problems.map((problem) => problem.text).join("\n"));
  return compiled.config;
}

/** Writes a base where it differs from what is there. */
export function writeBase(config: BaseConfig, target: string): void {
  writeWhereDifferent(target, `${JSON.stringify(config, null, 2)}\n`);
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({ options: { out: { type: "string" } }, allowPositionals: true });
  const [file] = positionals;
  try {
    const config = compileFile(file === undefined ? defaultConfigFile() : resolve(file));
    writeBase(config, values.out === undefined ? generatedBase : resolve(values.out));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
