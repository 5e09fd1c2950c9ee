import { parseArgs } from "node:util";
import { connectionString, LOCAL_PASSWORD } from "./connection-string.ts";
import { type Engine, ROOT_ROLE } from "./engine.ts";
import type { Faults } from "./faults.ts";
import { openPglite } from "./pglite-engine.ts";
import { openPostgres } from "./postgres-engine.ts";
import { createEndpoint, listen } from "./server.ts";

export { connectionString, LOCAL_PASSWORD } from "./connection-string.ts";

export interface NeonEndpointOptions {
  /** 0, the default, takes a free one. */
  readonly port?: number;
  /** Where PGlite keeps its data; absent: in memory. */
  readonly dataDir?: string;
  /** A superuser's URL of a native Postgres, in place of PGlite. */
  readonly postgresUrl?: string;
  /** The superuser's password at this endpoint. */
  readonly password?: string;
}

export interface NeonEndpoint {
  /** What `neonConfig.fetchEndpoint` returns: `http://127.0.0.1:<port>/sql`. */
  readonly url: string;
  readonly form: "pglite" | "postgres";
  /** For a role (default: the superuser). The role must exist, with LOGIN and this password. */
  connectionString(role?: string, password?: string): string;
  /** Sets the faults in force, as `POST /__control` does. */
  control(faults: Faults): Promise<void>;
  /** Ends open calls, finishes what Postgres is doing and closes it. */
  close(): Promise<void>;
}

/** Starts a local endpoint that speaks Neon's HTTP protocol. Throws an error of one clear line. */
export async function startNeonEndpoint(options: NeonEndpointOptions = {}): Promise<NeonEndpoint> {
  const { port = 0, dataDir, postgresUrl, password = LOCAL_PASSWORD } = options;
  if (dataDir !== undefined && postgresUrl !== undefined) {
    throw new Error("a data directory is for PGlite, a Postgres URL for a native server: give one of the two");
  }
  // The port first: that it is taken should not take a database's start to find out.
  const opening = Promise.withResolvers<Engine>();
  const server = createEndpoint(opening.promise, password);
  const boundPort = await listen(server, port);
  let engine: Engine;
  try {
    engine = postgresUrl === undefined ? await openPglite(dataDir) : await openPostgres(postgresUrl);
    opening.resolve(engine);
  } catch (cause) {
    server.close();
    server.closeAllConnections();
    throw cause;
  }
  const origin = `http://127.0.0.1:${boundPort}`;
  const url = `${origin}/sql`;
  let closing: Promise<void> | undefined;
  return {
    url,
    form: engine.form,
    connectionString: (role = ROOT_ROLE, rolePassword = password) => connectionString(url, role, rolePassword),
    async control(faults) {
      const response = await fetch(`${origin}/__control`, { method: "POST", body: JSON.stringify(faults) });
      if (!response.ok) throw new Error(await response.text());
    },
    close() {
      closing ??= (async () => {
        server.close();
        server.closeAllConnections();
        await engine.close();
      })();
      return closing;
    },
  };
}

function readOptions(): NeonEndpointOptions {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "0" },
      "data-dir": { type: "string" },
      "postgres-url": { type: "string" },
      password: { type: "string" },
    },
  });
  const { port, "data-dir": dataDir, "postgres-url": postgresUrl, password } = values;
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) throw new Error(`--port ${port}: a number from 0 to 65535`);
  return {
    port: Number(port),
    ...(dataDir !== undefined && { dataDir }),
    ...(postgresUrl !== undefined && { postgresUrl }),
    ...(password !== undefined && { password }),
  };
}

if (import.meta.main) {
  try {
    const endpoint = await startNeonEndpoint(readOptions());
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.on(signal, () => void endpoint.close().then(() => process.exit(0)));
    }
    console.log(JSON.stringify({ ready: true, url: endpoint.url, form: endpoint.form }));
  } catch (cause) {
    console.error(`neon endpoint: ${cause instanceof Error ? cause.message : cause}`);
    process.exit(1);
  }
}
