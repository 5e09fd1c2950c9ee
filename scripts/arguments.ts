import { type ParseArgsConfig, parseArgs } from "node:util";

type Options = NonNullable<ParseArgsConfig["options"]>;

/**
 * Reads a program's own arguments. `--help` prints `usage` and ends with 0; what is not known is said in a line, with the usage below, and ends
 * with 1.
 */
export function readArguments<const T extends Options>(usage: string, options: T, allowPositionals = false) {
  const given = process.argv.slice(2);
  if (given.includes("--help") || given.includes("-h")) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return parseArgs({ args: given, options, allowPositionals });
  } catch (error) {
    const [reason = ""] = (error instanceof Error ? error.message : String(error)).split(". ");
    return wrongUsage(reason, usage);
  }
}

/** Says what is wrong, and how it is done. */
export function wrongUsage(reason: string, usage: string): never {
  console.error(`error: ${reason}\n\n${usage}`);
  process.exit(1);
}
