import pg from "pg";
import { beginStatement, DATABASE, type Engine, type EngineAnswer, ROOT_ROLE } from "./engine.ts";
import { mayLogin, ROLE_QUERY, roleRecord } from "./password.ts";
import { type Login, passwordFailed, postgresError, type SqlRequest, type StatementResult } from "./protocol.ts";

/** Connections a role; enough for races to be real, few enough for a small server. */
const POOL_SIZE = 8;

const INSUFFICIENT_PRIVILEGE = "42501";
/** invalid_password and invalid_authorization_specification. */
const LOGIN_REFUSED: ReadonlySet<string> = new Set(["28P01", "28000"]);

/** Values stay Postgres's own text. */
const RAW_TEXT: pg.CustomTypesConfig = { getTypeParser: () => (text: string) => text };

/**
 * A native Postgres: each request has a connection of its own, logged in as the login's role.
 * `postgresUrl` should name a superuser: roles' passwords are then checked against `pg_authid`, as many local servers trust everyone.
 * Throws one clear line when nobody answers there.
 */
export async function openPostgres(postgresUrl: string): Promise<Engine> {
  // A client that never connects: it reads the URL as libpq would, Unix sockets and PG* variables included.
  const target = new pg.Client({ connectionString: postgresUrl });
  const user = target.user ?? "postgres";
  const root: Login = { role: user, password: target.password ?? "", database: target.database ?? user };
  const pools = new Map<string, pg.Pool>();

  function pool(login: Login): pg.Pool {
    const key = JSON.stringify([login.role, login.password, login.database]);
    const known = pools.get(key);
    if (known !== undefined) return known;
    const { host, port, ssl } = target;
    const { role, password, database } = login;
    const created = new pg.Pool({ host, port, ssl, user: role, password, database, max: POOL_SIZE, types: RAW_TEXT });
    // A connection that Postgres closes while it is idle is replaced at the next call.
    created.on("error", () => undefined);
    pools.set(key, created);
    return created;
  }

  try {
    await pool(root).query("select 1");
  } catch (cause) {
    await pool(root).end();
    const reason = cause instanceof Error ? cause.message || cause.name : String(cause);
    throw new Error(
      `no Postgres answers at ${target.host}:${target.port} as ${user} (${reason}): check --postgres-url`,
    );
  }

  async function mayEnter(login: Login): Promise<boolean> {
    try {
      const query = { text: ROLE_QUERY, values: [login.role], rowMode: "array" as const };
      const found = await pool(root).query<(string | null)[]>(query);
      return mayLogin(roleRecord(found.rows[0]), login.password);
    } catch (thrown) {
      // Not a superuser: then Postgres's own answer to the login has to do.
      if (postgresError(thrown)?.code === INSUFFICIENT_PRIVILEGE) return true;
      throw thrown;
    }
  }

  async function run(login: Login, request: SqlRequest): Promise<EngineAnswer> {
    const asRoot = login.role === ROOT_ROLE;
    const database = login.database === DATABASE ? root.database : login.database;
    if (!asRoot && !(await mayEnter(login))) return { ok: false, error: passwordFailed(login.role) };
    let client: pg.PoolClient | undefined;
    let broken = true;
    try {
      client = await pool({ ...(asRoot ? root : login), database }).connect();
      const answer = await runStatements(client, request);
      await client.query("ROLLBACK");
      await client.query("DISCARD ALL");
      broken = false;
      return answer;
    } catch (thrown) {
      const error = postgresError(thrown);
      if (error === undefined) throw thrown;
      return { ok: false, error: LOGIN_REFUSED.has(error.code ?? "") ? passwordFailed(login.role) : error };
    } finally {
      client?.release(broken);
    }
  }

  return {
    form: "postgres",
    run,
    close: async () => {
      await Promise.all([...pools.values()].map((each) => each.end()));
    },
  };
}

async function runStatements(client: pg.PoolClient, request: SqlRequest): Promise<EngineAnswer> {
  const begin = beginStatement(request);
  const results: StatementResult[] = [];
  try {
    if (begin !== undefined) await client.query(begin);
    for (const { query, params } of request.statements) {
      results.push(await execute(client, query, params));
    }
    if (begin !== undefined) await client.query("COMMIT");
    return { ok: true, results };
  } catch (thrown) {
    const error = postgresError(thrown);
    if (error === undefined) throw thrown;
    return { ok: false, error };
  }
}

async function execute(
  client: pg.PoolClient,
  text: string,
  params: readonly (string | null)[],
): Promise<StatementResult> {
  // Extended also without parameters: as at Neon, one statement a query. (`queryMode` is missing from the types.)
  const query = { text, values: [...params], rowMode: "array" as const, queryMode: "extended" };
  const answer = await client.query<(string | null)[]>(query);
  const fields = answer.fields.map(({ name, dataTypeID, tableID, columnID, dataTypeSize, dataTypeModifier }) => {
    return { name, dataTypeID, tableID, columnID, dataTypeSize, dataTypeModifier };
  });
  return { command: answer.command ?? "", rowCount: answer.rowCount, fields, rows: answer.rows };
}
