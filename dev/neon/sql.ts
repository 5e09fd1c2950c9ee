import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { table } from "../../cli/format.ts";
import { projectRoot } from "../../scripts/project.ts";
import { runBatch } from "./client.ts";

const USAGE = `usage: npm run --silent sql -- "SELECT …"

Asks the ledger's database, read-only: that of DATABASE_OWNER_URL, else the local stack's.`;

/** Where to ask. An environment variable rather than a flag: other users of a machine can read command lines. */
function findDatabase(): string {
  if (process.env.DATABASE_OWNER_URL) return process.env.DATABASE_OWNER_URL;
  const readyFile = join(projectRoot, ".dev", "ready.json");
  const ready = existsSync(readyFile) ? (JSON.parse(readFileSync(readyFile, "utf8")) as { database?: string }) : {};
  if (ready.database) return ready.database;
  throw new Error("no local stack with a database of its own runs here; set DATABASE_OWNER_URL");
}

/** Runs one query in a transaction that can change nothing, and shows its rows. */
async function main(query: string | undefined): Promise<void> {
  if (query === "--help" || query === "-h") return console.log(USAGE);
  if (query === undefined) throw new Error(USAGE);
  const [, rows = []] = await runBatch({ connectionString: findDatabase() }, [
    { query: "set transaction read only" },
    { query },
  ]);
  const shown = rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, value ?? ""])));
  console.log(table(shown, "no rows"));
}

main(process.argv[2]).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
