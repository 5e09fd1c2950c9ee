/**
 * Checks a configuration, and with `--out` writes what it compiles to, as the gateway bundles it:
 *
 *     node scripts/ensure.mjs scripts/compile-config.ts [file.yaml] [--out file.json]
 *
 * The file is the argument, else `GATEWAY_CONFIG`, else config/homelab.yaml. A wrong one ends with 1 and a line per problem.
 */
import { globSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { compileConfig } from "../src/config/compile.ts";
import type { BaseConfig } from "../src/core/config.ts";
import { readArguments } from "./arguments.ts";
import { projectRoot } from "./project.ts";
import { writeWhereDifferent } from "./write-where-different.ts";

/** Where the gateway's source imports its base from: written by wrangler's build command and for the types. Local stacks and builds have copies of their own. */
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

/** How the source spells the import of the base, each with the file that is to be taken for it. */
export function baseAliases(base: string): Readonly<Record<string, string>> {
  const found = new Set<string>();
  for (const file of globSync(["src/**/*.ts", "workers/**/*.ts"], { cwd: projectRoot })) {
    const text = readFileSync(join(projectRoot, file), "utf8");
    for (const [, specifier] of text.matchAll(/from "([^"]*base\.generated\.json)"/g)) {
      if (specifier !== undefined) found.add(specifier);
    }
  }
  return Object.fromEntries([...found].map((specifier) => [specifier, base]));
}

/** `config/homelab.yaml is right: 3 backends, 9 routes, 3 tiers (version 01…)`. */
export function summaryOf(file: string, config: BaseConfig): string {
  const counted = (names: object, noun: string): string => {
    const count = Object.keys(names).length;
    return `${count} ${noun}${count === 1 ? "" : "s"}`;
  };
  const { backends, routes, tiers, version } = config;
  const all = [counted(backends, "backend"), counted(routes, "route"), counted(tiers, "tier")].join(", ");
  return `${relative(process.cwd(), file)} is right: ${all} (version ${version})`;
}

const USAGE = `usage: npm run config [-- file.yaml] [--out file.json]

Checks a configuration: the file named, else GATEWAY_CONFIG, else config/homelab.yaml. A wrong one ends with 1 and a line a problem.

  --out <file.json>  also write what it compiles to; without it nothing is written, and a stack that runs keeps what it has`;

if (import.meta.main) {
  const asked = readArguments(USAGE, { out: { type: "string" } }, true);
  const [named] = asked.positionals;
  const { out } = asked.values;
  try {
    const file = named === undefined ? defaultConfigFile() : resolve(named);
    const config = compileFile(file);
    if (out !== undefined) writeBase(config, resolve(out));
    console.log(summaryOf(file, config));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
