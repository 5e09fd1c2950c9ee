import { runBatch } from "../../dev/neon/client.ts";
import { type NeonEndpoint, startNeonEndpoint } from "../../dev/neon/main.ts";
import { migrate } from "../../dev/neon/migrate.ts";
import { setRolePasswords } from "../../dev/neon/roles.ts";
import { seed } from "../../dev/neon/seed.ts";
import { Neon } from "../../src/stores/neon/client.ts";

/** A migrated database of its own behind a local Neon endpoint, with the tenants `acme` and `globex`. */
export interface TestDatabase {
  readonly endpoint: NeonEndpoint;
  as(role: "app" | "ledger" | "admin", timeoutMs?: number): Neon;
  /** Rows of a statement as the superuser, past row-level security; values as Postgres's text. */
  query(text: string, ...params: readonly string[]): Promise<readonly Readonly<Record<string, string | null>>[]>;
  close(): Promise<void>;
}

export async function startDatabase(): Promise<TestDatabase> {
  const endpoint = await startNeonEndpoint();
  const root = { connectionString: endpoint.connectionString(), endpointUrl: endpoint.url };
  await migrate(root);
  await setRolePasswords(root);
  await seed({ ...root, tenant: "acme", corsOrigins: ["https://app.example.com"] });
  await seed({ ...root, tenant: "globex" });
  return {
    endpoint,
    as: (role, timeoutMs = 10_000) =>
      new Neon({ connectionString: endpoint.connectionString(role), fetchEndpoint: endpoint.url, timeoutMs }),
    async query(text, ...params) {
      const [rows = []] = await runBatch(root, [{ query: text, params }]);
      return rows;
    },
    close: () => endpoint.close(),
  };
}
