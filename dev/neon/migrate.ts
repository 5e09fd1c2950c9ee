import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type NeonTarget, type Query, runBatch, StatementError } from "./client.ts";

export interface MigrateOptions extends NeonTarget {
  /** drizzle-kit's folder: SQL files and `meta/_journal.json`. */
  readonly directory?: string;
}

interface Migration {
  readonly tag: string;
  /** The journal's `when`, milliseconds since the epoch: what drizzle knows a migration by. */
  readonly when: number;
  readonly hash: string;
  readonly statements: readonly string[];
}

const DIRECTORY = join(import.meta.dirname, "../../migrations");
const BREAKPOINT = "--> statement-breakpoint";
const UNIQUE_VIOLATION = "23505";

/** The table of drizzle's own migrator, so that either tool knows what the other applied. */
const BOOKKEEPING: readonly Query[] = [
  // Two migrators that start at once would both try to create what is not there.
  { query: "select pg_advisory_xact_lock(hashtext('drizzle.__drizzle_migrations'))" },
  { query: "create schema if not exists drizzle" },
  {
    query:
      "create table if not exists drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint)",
  },
  { query: "create unique index if not exists __drizzle_migrations_once on drizzle.__drizzle_migrations (created_at)" },
];

/**
 * Applies the journal's files that the database has not seen, each in one transaction, and gives their tags. The login needs the right
 * to create roles and tables (on Neon: the database's owner). Throws one clear line when an applied file has changed since, or
 * the database has seen files that this journal lacks before newer ones; throws `StatementError` when a file fails, and then nothing of it is kept.
 */
export async function migrate({ directory = DIRECTORY, ...target }: MigrateOptions): Promise<readonly string[]> {
  const migrations = readJournal(directory);
  await runBatch(target, BOOKKEEPING);
  const [rows = []] = await runBatch(target, [{ query: "select created_at, hash from drizzle.__drizzle_migrations" }]);
  const known = new Map(rows.map((row) => [Number(row.created_at), row.hash]));
  const applied: string[] = [];
  let newestKnown = Math.max(0, ...known.keys());
  for (const migration of migrations) {
    const hash = known.get(migration.when);
    if (hash !== undefined) {
      if (hash !== migration.hash) {
        throw new Error(`migration ${migration.tag} was applied with other content: restore it, and add a new one`);
      }
      continue;
    }
    if (migration.when < newestKnown) {
      throw new Error(`migration ${migration.tag} is older than what the database has: migrations are only appended`);
    }
    if (await apply(target, migration)) applied.push(migration.tag);
    newestKnown = migration.when;
  }
  return applied;
}

/** False where another migrator was faster: the bookkeeping row comes first, so its conflict undoes nothing but itself. */
async function apply(target: NeonTarget, migration: Migration): Promise<boolean> {
  const record = {
    query: "insert into drizzle.__drizzle_migrations (hash, created_at) values ($1, $2)",
    params: [migration.hash, String(migration.when)],
  };
  try {
    await runBatch(target, [record, ...migration.statements.map((query) => ({ query }))]);
    return true;
  } catch (cause) {
    if (!(cause instanceof StatementError)) throw cause;
    const { code, constraint, position, message } = cause.fields;
    if (code === UNIQUE_VIOLATION && constraint === "__drizzle_migrations_once") return false;
    const where = position ? ` at position ${position}` : "";
    throw new StatementError({ ...cause.fields, message: `migration ${migration.tag}: ${message}${where}` });
  }
}

function readJournal(directory: string): readonly Migration[] {
  const journal = JSON.parse(readFileSync(join(directory, "meta/_journal.json"), "utf8")) as {
    entries: { tag: string; when: number }[];
  };
  return journal.entries.map(({ tag, when }) => {
    // A checkout on Windows may have other line ends; the content is the same.
    const text = readFileSync(join(directory, `${tag}.sql`), "utf8").replaceAll("\r\n", "\n");
    const hash = createHash("sha256").update(text).digest("hex");
    const statements = text.split(BREAKPOINT).filter((statement) => statement.trim() !== "");
    return { tag, when, hash, statements };
  });
}

if (import.meta.main) {
  try {
    const { values } = parseArgs({
      options: { "connection-string": { type: "string" }, "endpoint-url": { type: "string" } },
    });
    // An environment variable by preference: other users of a machine can read command lines.
    const connectionString = values["connection-string"] ?? process.env.DATABASE_OWNER_URL;
    if (!connectionString) throw new Error("set DATABASE_OWNER_URL to the database owner's connection string");
    const endpointUrl = values["endpoint-url"];
    const applied = await migrate({ connectionString, ...(endpointUrl !== undefined && { endpointUrl }) });
    console.log(applied.length === 0 ? "nothing to migrate" : `migrated: ${applied.join(", ")}`);
  } catch (cause) {
    console.error(`migrate: ${cause instanceof Error ? cause.message : cause}`);
    process.exit(1);
  }
}
