/**
 * Neon's SQL over HTTP, seen from the server: what `POST /sql` carries and what it answers.
 * Source: the driver `@neondatabase/serverless` 1.2 and the behaviour of Neon's open-source proxy.
 */

/** Who asks, from the header `Neon-Connection-String`. */
export interface Login {
  readonly role: string;
  readonly password: string;
  readonly database: string;
}

/** One statement of the extended protocol: exactly one command, parameters as text or null. */
export interface Statement {
  readonly query: string;
  readonly params: readonly (string | null)[];
  readonly arrayMode: boolean;
}

/** How the one transaction of a batch begins. */
export interface TransactionOptions {
  readonly isolationLevel: string | undefined;
  readonly readOnly: boolean;
  readonly deferrable: boolean;
}

export interface SqlRequest {
  readonly statements: readonly Statement[];
  /** Present for a batch: all statements in one transaction. Absent for a single statement. */
  readonly transaction: TransactionOptions | undefined;
}

/** A column of an answer, as Postgres describes it. */
export interface Field {
  readonly name: string;
  readonly dataTypeID: number;
  readonly tableID: number;
  readonly columnID: number;
  readonly dataTypeSize: number;
  readonly dataTypeModifier: number;
}

/** One statement's answer; every value is Postgres's own text, or null. */
export interface StatementResult {
  readonly command: string;
  readonly rowCount: number | null;
  readonly fields: readonly Field[];
  readonly rows: readonly (readonly (string | null)[])[];
}

const ERROR_FIELDS = [
  "severity",
  "code",
  "detail",
  "hint",
  "position",
  "internalPosition",
  "internalQuery",
  "where",
  "schema",
  "table",
  "column",
  "dataType",
  "constraint",
  "file",
  "line",
  "routine",
] as const;

/** Postgres's error, field by field. */
export type PostgresError = { readonly message: string } & {
  readonly [field in (typeof ERROR_FIELDS)[number]]?: string | undefined;
};

/** A refusal of the endpoint: an HTTP status and what the body says. 400 reads as a database error, others as a server error. */
export interface Refusal {
  readonly status: number;
  readonly error: PostgresError;
}

export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly refusal: Refusal };

const refuse = (message: string, status = 400) => ({ ok: false, refusal: { status, error: { message } } }) as const;

/** Reads `postgresql://role:password@host/database`. */
export function parseLogin(connectionString: string | undefined): Parsed<Login> {
  if (connectionString === undefined) return refuse("invalid header: neon-connection-string");
  let url: URL;
  try {
    url = new URL(connectionString);
  } catch {
    return refuse("invalid connection string");
  }
  if (url.protocol !== "postgres:" && url.protocol !== "postgresql:") return refuse("incorrect scheme");
  const role = decodeURIComponent(url.username);
  const database = decodeURIComponent(url.pathname.slice(1));
  if (role === "") return refuse("missing username");
  if (url.password === "") return refuse("missing authentication credentials: required password");
  if (database === "") return refuse("missing database name");
  return { ok: true, value: { role, password: decodeURIComponent(url.password), database } };
}

const ISOLATION_LEVELS: Readonly<Record<string, string>> = {
  Serializable: "SERIALIZABLE",
  ReadUncommitted: "READ UNCOMMITTED",
  ReadCommitted: "READ COMMITTED",
  RepeatableRead: "REPEATABLE READ",
};

/** Reads a body `{query, params}` or `{queries: […]}` with the headers that go with it (names in lower case). */
export function parseRequest(body: string, header: (name: string) => string | undefined): Parsed<SqlRequest> {
  if (header("neon-raw-text-output") !== "true") {
    return refuse("this endpoint answers raw text only: send Neon-Raw-Text-Output: true, as the driver does");
  }
  let payload: unknown;
  try {
    payload = JSON.parse(body);
  } catch (cause) {
    return refuse(`could not parse the HTTP request body: ${cause instanceof Error ? cause.message : cause}`);
  }
  const arrayMode = header("neon-array-mode") === "true";
  if (!isRecord(payload)) return refuse("could not parse the HTTP request body: not an object");
  if (!("queries" in payload)) {
    const statement = parseStatement(payload, arrayMode);
    return statement.ok ? { ok: true, value: { statements: [statement.value], transaction: undefined } } : statement;
  }
  const level = header("neon-batch-isolation-level");
  const isolationLevel = level === undefined ? undefined : ISOLATION_LEVELS[level];
  if (level !== undefined && isolationLevel === undefined) return refuse("invalid isolation level");
  if (!Array.isArray(payload.queries)) return refuse("could not parse the HTTP request body: queries is no list");
  const statements: Statement[] = [];
  for (const item of payload.queries) {
    const statement = parseStatement(item, arrayMode);
    if (!statement.ok) return statement;
    statements.push(statement.value);
  }
  const readOnly = header("neon-batch-read-only") === "true";
  const deferrable = header("neon-batch-deferrable") === "true";
  return { ok: true, value: { statements, transaction: { isolationLevel, readOnly, deferrable } } };
}

/** The wire protocol counts parameters in 16 bits. */
const MAX_PARAMS = 65_535;

function parseStatement(item: unknown, defaultArrayMode: boolean): Parsed<Statement> {
  if (!isRecord(item) || typeof item.query !== "string") {
    return refuse("could not parse the HTTP request body: missing field `query`");
  }
  const params: unknown = item.params ?? [];
  if (!Array.isArray(params)) return refuse("could not parse the HTTP request body: params is no list");
  if (item.query.includes("\0")) return refuse("string contains embedded null");
  if (params.length > MAX_PARAMS) return refuse(`a statement takes at most ${MAX_PARAMS} parameters`);
  // Comments may stand in front, so that a COPY behind one is caught as well.
  if (/^(?:\s|--[^\n]*\n|\/\*[\s\S]*?\*\/)*copy\b/i.test(item.query)) {
    return { ok: false, refusal: { status: 400, error: { message: "COPY cannot travel over HTTP", code: "0A000" } } };
  }
  const arrayMode = typeof item.arrayMode === "boolean" ? item.arrayMode : defaultArrayMode;
  return { ok: true, value: { query: item.query, params: params.map(parameterText), arrayMode } };
}

/** What Postgres reads for a JSON value: text as it is, null as null, lists as array literals, the rest as its JSON. */
function parameterText(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === "string") return value;
  return Array.isArray(value) ? arrayLiteral(value) : JSON.stringify(value);
}

function arrayLiteral(items: readonly unknown[]): string {
  const texts = items.map((item) => {
    if (item === null) return "NULL";
    if (Array.isArray(item)) return arrayLiteral(item);
    if (typeof item === "object") return JSON.stringify(JSON.stringify(item));
    return JSON.stringify(item);
  });
  return `{${texts.join(",")}}`;
}

/** The JSON of one statement's answer. */
export function encodeResult(result: StatementResult, arrayMode: boolean): object {
  const rows = arrayMode
    ? result.rows
    : result.rows.map((row) => Object.fromEntries(result.fields.map((field, at) => [field.name, row[at] ?? null])));
  const fields = result.fields.map((field) => ({ ...field, format: "text" }));
  return { command: result.command, rowCount: result.rowCount, rowAsArray: arrayMode, fields, rows };
}

/** The JSON of an error: every field is there, null where Postgres said nothing. */
export function encodeError(error: PostgresError): object {
  return { message: error.message, ...Object.fromEntries(ERROR_FIELDS.map((name) => [name, error[name] ?? null])) };
}

/** Only Postgres's fields of what a driver threw; undefined where it is no error of the database. */
export function postgresError(thrown: unknown): PostgresError | undefined {
  if (!(thrown instanceof Error) || !("code" in thrown) || !("severity" in thrown)) return undefined;
  const source: Record<string, unknown> = { ...thrown };
  const texts = ERROR_FIELDS.map((name) => [name, typeof source[name] === "string" ? source[name] : undefined]);
  return { message: thrown.message, ...Object.fromEntries(texts) };
}

/** Neon's wording for a wrong password and an unknown role alike. */
export function passwordFailed(role: string): PostgresError {
  return { message: `password authentication failed for user '${role}'`, severity: "", code: "" };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
