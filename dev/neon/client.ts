import type { PostgresError } from "./protocol.ts";

/** A database over Neon's HTTP protocol: the real one, or a local endpoint. */
export interface NeonTarget {
  readonly connectionString: string;
  /** Where to send; by default what the connection string's host implies. */
  readonly endpointUrl?: string;
}

/** Postgres refused a statement; `fields` are its error's. */
export class StatementError extends Error {
  override readonly name = "StatementError";
  readonly fields: PostgresError;

  constructor(fields: PostgresError) {
    super(fields.message);
    this.fields = fields;
  }
}

export interface Query {
  readonly query: string;
  readonly params?: readonly (string | null)[];
}

/**
 * Runs statements in one transaction and gives each one's rows, values as Postgres's text. For the tools beside the gateway
 * (migrations, seeds), so that they leave the driver's module-wide endpoint alone. Throws `StatementError`, or what fetch throws.
 */
export async function runBatch(
  target: NeonTarget,
  queries: readonly Query[],
): Promise<readonly (readonly Readonly<Record<string, string | null>>[])[]> {
  const response = await fetch(target.endpointUrl ?? endpointOf(target.connectionString), {
    method: "POST",
    headers: { "Neon-Connection-String": target.connectionString, "Neon-Raw-Text-Output": "true" },
    body: JSON.stringify({ queries: queries.map(({ query, params = [] }) => ({ query, params })) }),
  });
  const text = await response.text();
  if (response.ok) {
    const { results } = JSON.parse(text) as { results: { rows: Record<string, string | null>[] }[] };
    return results.map((result) => result.rows);
  }
  if (response.status === 400) throw new StatementError(JSON.parse(text) as PostgresError);
  throw new Error(`the database's endpoint answered ${response.status}`);
}

/** A local endpoint answers where the connection string points; Neon has one API host a region (as its driver derives it). */
export function endpointOf(connectionString: string): string {
  const { hostname, host } = new URL(connectionString);
  if (hostname === "127.0.0.1" || hostname === "localhost") return `http://${host}/sql`;
  return `https://${hostname.replace(/^[^.]+\./, "api.")}/sql`;
}
