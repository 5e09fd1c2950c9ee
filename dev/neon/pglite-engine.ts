import { PGlite } from "@electric-sql/pglite";
import { vector } from "@electric-sql/pglite-pgvector";
import { takeDataDir } from "./data-dir.ts";
import { beginStatement, DATABASE, type Engine, type EngineAnswer, ROOT_ROLE } from "./engine.ts";
import { statementMessages } from "./messages.ts";
import { mayLogin, ROLE_QUERY, roleRecord } from "./password.ts";
import {
  type Field,
  type Login,
  type PostgresError,
  passwordFailed,
  postgresError,
  type SqlRequest,
  type StatementResult,
} from "./protocol.ts";

type Outcome =
  | { readonly ok: true; readonly result: StatementResult }
  | { readonly ok: false; readonly error: PostgresError };

/**
 * PGlite with pgvector, in `dataDir` or in memory. It is one superuser session, so requests take turns and each
 * becomes its login's role by SET SESSION AUTHORIZATION: stronger than SET ROLE, since RESET does not undo it here.
 *
 * Durability: PGlite writes its log to the file system before it answers, without fsync (its Node file system has none).
 * A killed process therefore loses nothing that was answered, and recovers at the next start; a power cut may.
 */
export async function openPglite(dataDir: string | undefined): Promise<Engine> {
  const directory = dataDir === undefined ? undefined : await takeDataDir(dataDir);
  let pglite: PGlite;
  try {
    pglite = await PGlite.create({ extensions: { vector }, ...(directory && { dataDir: directory.files }) });
    directory?.markReady();
  } catch (cause) {
    directory?.release();
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`PGlite cannot open ${dataDir ?? "its memory"} (${reason}): delete the directory to start afresh`);
  }

  let turn: Promise<unknown> = Promise.resolve();
  /** One request after the other, whatever became of the one before. */
  function inTurn<T>(task: () => Promise<T>): Promise<T> {
    const result = turn.then(task);
    turn = result.catch(() => undefined);
    return result;
  }

  /** Whether the one session is outside of any transaction. */
  let idle = true;

  async function execute(query: string, params: readonly (string | null)[] = []): Promise<Outcome> {
    const { messages } = await pglite.execProtocol(statementMessages(query, params), { throwOnError: false });
    idle = messages.some(
      (message) => message.name === "readyForQuery" && "status" in message && message.status === "I",
    );
    return readMessages(messages);
  }

  /** For the endpoint's own statements, which cannot fail unless the database is broken. */
  async function must(query: string): Promise<void> {
    const outcome = await execute(query);
    if (!outcome.ok) throw new Error(`${query}: ${outcome.error.message}`);
  }

  async function runAs(login: Login, request: SqlRequest): Promise<EngineAnswer> {
    if (login.role !== ROOT_ROLE) {
      const found = await execute(ROLE_QUERY, [login.role]);
      if (!found.ok) return found;
      if (!mayLogin(roleRecord(found.result.rows[0]), login.password)) {
        return { ok: false, error: passwordFailed(login.role) };
      }
    }
    if (login.database !== DATABASE) {
      const message = `database "${login.database}" does not exist`;
      return { ok: false, error: { message, severity: "FATAL", code: "3D000" } };
    }
    const guarded = request.statements.some(({ query }) => /session[_\s]*authorization/i.test(query));
    if (guarded && login.role !== ROOT_ROLE) {
      // Postgres would ask who logged in, and here that is always the superuser.
      const message = "permission denied to set session authorization";
      return { ok: false, error: { message, severity: "ERROR", code: "42501" } };
    }
    try {
      if (login.role !== ROOT_ROLE) await must(`SET SESSION AUTHORIZATION ${quoteIdentifier(login.role)}`);
      return await runStatements(request);
    } finally {
      if (!idle) await must("ROLLBACK");
      if (login.role !== ROOT_ROLE) await must(`SET SESSION AUTHORIZATION ${ROOT_ROLE}`);
      await must("DISCARD ALL");
    }
  }

  async function runStatements(request: SqlRequest): Promise<EngineAnswer> {
    const begin = beginStatement(request);
    const results: StatementResult[] = [];
    for (const { query, params } of [
      ...(begin === undefined ? [] : [{ query: begin, params: [] }]),
      ...request.statements,
    ]) {
      const outcome = await execute(query, params);
      if (!outcome.ok) return outcome;
      results.push(outcome.result);
    }
    if (begin === undefined) return { ok: true, results };
    const commit = await execute("COMMIT");
    return commit.ok ? { ok: true, results: results.slice(1) } : commit;
  }

  return {
    form: "pglite",
    run: (login, request) => inTurn(() => runAs(login, request)),
    close: () =>
      inTurn(async () => {
        await pglite.close();
        directory?.release();
      }),
  };
}

type Messages = Awaited<ReturnType<PGlite["execProtocol"]>>["messages"];

/** The backend's messages for one statement. Narrowed by what they carry: PGlite does not export their classes. */
function readMessages(messages: Messages): Outcome {
  const fields: Field[] = [];
  const rows: (string | null)[][] = [];
  let tag = "";
  let error: PostgresError | undefined;
  for (const message of messages) {
    if (message.name === "error") error ??= postgresError(message) ?? { message: "unknown error" };
    else if (message.name === "rowDescription" && "fields" in message)
      fields.push(...(message.fields as Field[]).map(field));
    else if (message.name === "dataRow" && "fields" in message) rows.push(message.fields as (string | null)[]);
    else if (message.name === "commandComplete" && "text" in message) tag = String(message.text);
  }
  if (error !== undefined) return { ok: false, error };
  return { ok: true, result: { ...readTag(tag), fields, rows } };
}

const field = ({ name, dataTypeID, tableID, columnID, dataTypeSize, dataTypeModifier }: Field): Field => {
  return { name, dataTypeID, tableID, columnID, dataTypeSize, dataTypeModifier };
};

/** `INSERT 0 2` and `UPDATE 2` end in the number of rows; `CREATE TABLE` has none. */
function readTag(tag: string): { readonly command: string; readonly rowCount: number | null } {
  const [command = "", ...rest] = tag.split(" ");
  const count = rest.at(-1);
  return { command, rowCount: count !== undefined && /^\d+$/.test(count) ? Number(count) : null };
}

const quoteIdentifier = (name: string): string => `"${name.replaceAll('"', '""')}"`;
