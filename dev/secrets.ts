import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { writePrivately } from "./data-dir.ts";
import { StartError } from "./start-error.ts";

/** What a local stack makes up once and keeps, so that keys and data stay valid between starts. */
export interface LocalSecrets {
  readonly keyPepper: string;
  readonly adminKey: string;
  readonly metricsToken: string;
  readonly gatewayRedisToken: string;
  readonly ledgerRedisToken: string;
  /** The key for callers, once the gateway has minted one. */
  readonly apiKey?: string;
}

/** Reads the secrets, or makes new ones and writes them (mode 0600). Throws a `StartError` for a file that is none of ours. */
export function loadSecrets(file: string): LocalSecrets {
  const made = newSecrets();
  if (!existsSync(file)) {
    saveSecrets(file, made);
    return made;
  }
  try {
    const kept: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (typeof kept !== "object" || kept === null) throw new Error("not an object");
    return { ...made, ...kept };
  } catch {
    throw new StartError(`${file} cannot be read as secrets: start with --fresh to make new ones`);
  }
}

export function saveSecrets(file: string, secrets: LocalSecrets): void {
  writePrivately(file, `${JSON.stringify(secrets, null, 2)}\n`);
}

function newSecrets(): LocalSecrets {
  const token = (prefix: string): string => `${prefix}_${randomBytes(24).toString("base64url")}`;
  return {
    keyPepper: `1:${randomBytes(32).toString("base64")}`,
    adminKey: token("admin"),
    metricsToken: token("metrics"),
    gatewayRedisToken: token("redis_gateway"),
    ledgerRedisToken: token("redis_ledger"),
  };
}
