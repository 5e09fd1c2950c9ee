import type { Login, PostgresError, SqlRequest, StatementResult } from "./protocol.ts";

/** The superuser's name at the endpoint, whatever a native server calls it. The endpoint itself checks its password. */
export const ROOT_ROLE = "postgres";

/** The name of the one database at the endpoint, whatever a native server calls it. */
export const DATABASE = "gateway";

/** Postgres behind the endpoint, in one of two forms. */
export interface Engine {
  readonly form: "pglite" | "postgres";
  /**
   * Runs a request as the login's role, in a session of its own: nothing of it (role, settings, open transaction)
   * is left for the next one. A batch is one transaction, rolled back whole. Throws only when Postgres is gone.
   */
  run(login: Login, request: SqlRequest): Promise<EngineAnswer>;
  close(): Promise<void>;
}

export type EngineAnswer =
  | { readonly ok: true; readonly results: readonly StatementResult[] }
  | { readonly ok: false; readonly error: PostgresError };

/** The statement that opens a batch's transaction. */
export function beginStatement({ transaction }: SqlRequest): string | undefined {
  if (transaction === undefined) return undefined;
  const { isolationLevel, readOnly, deferrable } = transaction;
  const modes = [
    ...(isolationLevel === undefined ? [] : [`ISOLATION LEVEL ${isolationLevel}`]),
    ...(readOnly ? ["READ ONLY"] : []),
    ...(deferrable ? ["DEFERRABLE"] : []),
  ];
  return ["BEGIN", modes.join(", ")].join(" ").trim();
}
