import { sql } from "drizzle-orm";
import type { Neon } from "./client.ts";

/** Every web origin that any tenant names, as role `admin`; undefined where Postgres is away. */
export async function namedOrigins(neon: Neon): Promise<readonly string[] | undefined> {
  const outcome = await neon.run((db) =>
    db.execute<{ origin: string }>(sql`select distinct unnest(cors_origins) as origin from tenants`),
  );
  return outcome.kind === "ok" ? outcome.value.rows.map(({ origin }) => origin) : undefined;
}
