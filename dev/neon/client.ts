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
 * (migrations, seeds), so that they leave the driver's module-wide endpoint alone. Throws `StatementError`, or an `Error` that names the
 * host and never the login.
 */
export async function runBatch(
  target: NeonTarget,
  queries: readonly Query[],
): Promise<readonly (readonly Readonly<Record<string, string | null>>[])[]> {
  const url = target.endpointUrl ?? endpointOf(target.connectionString);
  const { response, text } = await send(url, {
    method: "POST",
    headers: { "Neon-Connection-String": target.connectionString, "Neon-Raw-Text-Output": "true" },
    body: JSON.stringify({ queries: queries.map(({ query, params = [] }) => ({ query, params })) }),
  });
  if (response.ok) {
    const { results } = JSON.parse(text) as { results: { rows: Record<string, string | null>[] }[] };
    return results.map((result) => result.rows);
  }
  if (response.status === 400) throw new StatementError(JSON.parse(text) as PostgresError);
  throw new Error(`the database's endpoint ${new URL(url).host} answered ${response.status}`);
}

async function send(url: string, init: RequestInit): Promise<{ readonly response: Response; readonly text: string }> {
  try {
    const response = await fetch(url, init);
    return { response, text: await response.text() };
  } catch (error) {
    throw new Error(`the database's endpoint ${new URL(url).host} cannot be reached: ${reasonOf(error)}`);
  }
}

/** What the network said. Never the error's own message: one about a header quotes it, and the login stands in a header. */
function reasonOf(error: unknown): string {
  const cause: unknown = error instanceof Error ? error.cause : undefined;
  // Several addresses were tried, of which each said the like.
  const first: unknown = cause instanceof AggregateError ? cause.errors[0] : cause;
  return first instanceof Error ? first.message : "the request could not be made";
}

/** A local endpoint answers where the connection string points; Neon has one API host a region (as its driver derives it). */
export function endpointOf(connectionString: string): string {
  // What is thrown for a wrong URL holds it, login and all.
  const { protocol, hostname, host } = URL.parse(connectionString) ?? { protocol: "", hostname: "", host: "" };
  if (!/^postgres(ql)?:$/.test(protocol) || hostname === "") {
    throw new Error("the connection string is not of the form postgresql://user:password@host/database");
  }
  if (hostname === "127.0.0.1" || hostname === "localhost") return `http://${host}/sql`;
  return `https://${hostname.replace(/^[^.]+\./, "api.")}/sql`;
}
