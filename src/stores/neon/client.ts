import { neon, neonConfig } from "@neondatabase/serverless";
import { DrizzleQueryError, type SQL, sql } from "drizzle-orm";
import type { BatchItem } from "drizzle-orm/batch";
import { drizzle, type NeonHttpDatabase } from "drizzle-orm/neon-http";
import type { Failure } from "../../core/failure.ts";

export interface NeonOptions {
  /** Its role decides what may be seen: `app`, `ledger` or `admin`. */
  readonly connectionString: string;
  /** Where SQL is sent instead of Neon's own host: the local endpoint. */
  readonly fetchEndpoint?: string;
  /** For one call, whatever it holds. */
  readonly timeoutMs: number;
}

/**
 * What a call to Postgres came to. `refused`: Postgres did not want this data, and will not later (`code` is its SQLSTATE);
 * `unavailable`: it may go well another time, or it may have been committed and only the reply was lost.
 */
export type Outcome<Value> =
  | { readonly kind: "ok"; readonly value: Value }
  | { readonly kind: "refused"; readonly code: string; readonly constraint?: string }
  | { readonly kind: "unavailable"; readonly detail: string };

/**
 * One role's access to Postgres over Neon's HTTP protocol. No retries; the driver's own words hold values and never leave this file.
 */
export class Neon {
  readonly db: NeonHttpDatabase;

  constructor(options: NeonOptions) {
    const { connectionString, fetchEndpoint, timeoutMs } = options;
    if (fetchEndpoint !== undefined) sendTo(connectionString, fetchEndpoint);
    // The driver has no deadline of its own. It spreads these options into each call's, so the getter makes a new signal each time.
    const fetchOptions = {
      get signal() {
        return AbortSignal.timeout(timeoutMs);
      },
    };
    this.db = drizzle({ client: neon(connectionString, { fetchOptions }), casing: "snake_case" });
  }

  /** Runs what `work` builds; every failure of the database becomes a value. What throws while it is built is a bug, and throws. */
  async run<Value>(work: (db: NeonHttpDatabase) => PromiseLike<Value>): Promise<Outcome<Value>> {
    const call = work(this.db);
    try {
      return { kind: "ok", value: await call };
    } catch (error) {
      return outcomeOf(error);
    }
  }

  /** Whether Postgres answers; the reason is one or two words, safe to show. */
  async ping(): Promise<{ readonly healthy: boolean; readonly reason?: string }> {
    const outcome = await this.run((db) => db.execute(sql`select 1`));
    if (outcome.kind === "ok") return { healthy: true };
    return { healthy: false, reason: outcome.kind === "refused" ? `sqlstate ${outcome.code}` : outcome.detail };
  }

  /** One transaction in which row-level security lets this tenant's rows through. Gives one result a query. */
  async runAs<const Queries extends readonly BatchItem<"pg">[]>(
    tenant: string,
    build: (db: NeonHttpDatabase) => Queries,
  ): Promise<Outcome<Results<Queries>>> {
    const outcome = await this.run((db) => db.batch([db.execute(setTenant(tenant)), ...build(db)]));
    if (outcome.kind !== "ok") return outcome;
    const [, ...results] = outcome.value;
    return { kind: "ok", value: results as Results<Queries> };
  }
}

/** The driver keeps one function for the whole process: this one knows an endpoint a host, and asks the driver's own for the rest. */
const endpoints = new Map<string, string>();
const driversOwn = neonConfig.fetchEndpoint;

function sendTo(connectionString: string, fetchEndpoint: string): void {
  const { hostname, port } = new URL(connectionString);
  endpoints.set(`${hostname}:${port}`, fetchEndpoint);
  neonConfig.fetchEndpoint = (host, hostPort, options) => {
    const ours = endpoints.get(`${host}:${hostPort}`);
    if (ours !== undefined) return ours;
    return typeof driversOwn === "function" ? driversOwn(host, hostPort, options) : driversOwn;
  };
}

type Results<Queries extends readonly BatchItem<"pg">[]> = {
  -readonly [Index in keyof Queries]: Queries[Index]["_"]["result"];
};

function setTenant(tenant: string): SQL {
  return sql`select set_config('app.tenant', ${tenant}, true)`;
}

/** Data that no later try can save: data exception, integrity violation, program limit exceeded (PostgreSQL manual, appendix A). */
const PERMANENT_CLASSES = new Set(["22", "23", "54"]);

function outcomeOf(error: unknown): Outcome<never> {
  const reported = sqlError(error);
  if (reported !== undefined) {
    const { code, constraint } = reported;
    if (!PERMANENT_CLASSES.has(code.slice(0, 2))) return { kind: "unavailable", detail: `sqlstate ${code}` };
    return { kind: "refused", code, ...(constraint !== undefined && { constraint }) };
  }
  if (!isOfDriver(error)) throw error;
  return { kind: "unavailable", detail: hasTimedOut(error) ? "timeout" : "network" };
}

/** The SQLSTATE and the constraint's name, wherever drizzle and the driver have wrapped them. */
function sqlError(error: unknown): { readonly code: string; readonly constraint?: string } | undefined {
  for (const cause of chain(error)) {
    if (!("code" in cause) || typeof cause.code !== "string" || !/^[0-9A-Z]{5}$/.test(cause.code)) continue;
    const constraint = "constraint" in cause && typeof cause.constraint === "string" ? cause.constraint : undefined;
    return { code: cause.code, ...(constraint !== undefined && { constraint }) };
  }
  return undefined;
}

/**
 * What the driver lets through of a reply that is no JSON, has another shape, or breaks off (workerd has a plain Error for that, Node a
 * TypeError). Other kinds (a RangeError, drizzle's own complaints) are bugs.
 */
const BAD_REPLY = new Set(["SyntaxError", "TypeError", "Error", "TimeoutError", "AbortError", "NeonDbError"]);

/** Whether the database (or the way to it) failed. A batch throws as the driver does; single queries come in drizzle's wrapping. */
function isOfDriver(error: unknown): boolean {
  return error instanceof DrizzleQueryError || (error instanceof Error && BAD_REPLY.has(error.name));
}

function hasTimedOut(error: unknown): boolean {
  return chain(error).some((cause) => cause.name === "TimeoutError" || cause.name === "AbortError");
}

/** The error and what it was caused by; the driver keeps the error of `fetch` as `sourceError`. */
function chain(error: unknown): readonly Error[] {
  const causes: Error[] = [];
  let current: unknown = error;
  while (current instanceof Error && causes.length < 8) {
    causes.push(current);
    current = current.cause ?? ("sourceError" in current ? current.sourceError : undefined);
  }
  return causes;
}

/** An outcome that is not ok, in the vocabulary of the routes. */
export function failureOf(outcome: Outcome<unknown> & { readonly kind: "refused" | "unavailable" }): Failure {
  if (outcome.kind === "unavailable") {
    return {
      type: "gateway_unavailable",
      message: "The database cannot be reached right now.",
      retryAfterMs: 2_000,
      detail: `postgres: ${outcome.detail}`,
    };
  }
  return {
    type: "caller_conflict",
    message: "The database refused this data.",
    detail: `postgres: sqlstate ${outcome.code}`,
  };
}
