import { setTimeout as pause } from "node:timers/promises";
import type { TallyCall } from "../../dev/backends/tally.ts";
import { runBatch } from "../../dev/neon/client.ts";
import type { TestStack } from "./stack.ts";

/** A row as Postgres's text. */
export type Row = Readonly<Record<string, string | null>>;

/** A call as the backend's own tally tells it; `backend` by the name that the configuration gives it. */
export interface Call extends Omit<TallyCall, "backend"> {
  readonly backend: "home" | "cloud" | "claude";
  readonly traceId: string | undefined;
}

/** All that is kept of a stack's requests, read past the gateway: Postgres as superuser, Redis by its socket, the backends' tallies. */
export interface Books {
  /** Rows of `requests` by id. */
  readonly rows: ReadonlyMap<string, Row>;
  /** Rows of `charges` by request id, in order. */
  readonly charges: ReadonlyMap<string, readonly Row[]>;
  /** By request id, in order of arrival. */
  readonly calls: ReadonlyMap<string, readonly Call[]>;
  /** Redis: everything below `t:{tenant}:`, by the name behind that. */
  readonly redis: ReadonlyMap<string, RedisValue>;
  /** Prometheus series of `/metrics`: name and labels as printed, to value. */
  readonly metrics: ReadonlyMap<string, number>;
}

/** Fields of a hash, members and scores of a sorted set, or a text under "". */
export type RedisValue = Readonly<Record<string, string>>;

/** Of a row of `requests` or `charges`: whether a count in it is the gateway's own. */
export const isEstimated = (row: Row): boolean => row.estimated === "t" || row.estimated === "true";

/** Runs commands at the local Redis; throws where one fails. */
export async function redis(stack: TestStack, commands: readonly (readonly string[])[]): Promise<readonly unknown[]> {
  const response = await fetch(`${stack.redis?.url}/pipeline`, {
    method: "POST",
    headers: { authorization: `Bearer ${stack.redis?.ledgerToken}` },
    body: JSON.stringify(commands),
  });
  const replies = (await response.json()) as { result?: unknown; error?: string }[];
  return replies.map(({ result, error }) => {
    if (error !== undefined) throw new Error(`redis: ${error}`);
    return result;
  });
}

/** Statements as the superuser, past row-level security. */
export async function sql(stack: TestStack, query: string, ...params: readonly string[]): Promise<readonly Row[]> {
  const { postgres } = stack;
  if (!postgres) throw new Error("this stack has no local Postgres");
  const [rows = []] = await runBatch({ connectionString: postgres.roleUrl(), endpointUrl: postgres.url }, [
    { query, params },
  ]);
  return rows;
}

/** Runs the ledger's cron until Redis holds no lease and nothing that is due. Throws with what is left when it takes too long. */
export async function drained(stack: TestStack, tenant: string, withinMs = 60_000): Promise<void> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    await stack.runCron().catch(() => undefined);
    const [left] = await redis(stack, [["ZRANGE", `t:{${tenant}}:due`, "0", "-1", "WITHSCORES"]]);
    if (Array.isArray(left) && left.length === 0) return;
    if (Date.now() > deadline) throw new Error(`still due: ${JSON.stringify(left)}`);
    await pause(500);
  }
}

/** Waits until the queue has brought what only it brings (refused requests): no new row for two seconds. */
export async function quiet(stack: TestStack): Promise<void> {
  for (let before = -1; ; ) {
    const [row] = await sql(stack, "select count(*) as n from requests");
    const now = Number(row?.n);
    if (now === before) return;
    before = now;
    await pause(2_000);
  }
}

export async function readBooks(stack: TestStack, tenant: string): Promise<Books> {
  const [rows, charges, home, cloud, metrics, held] = await Promise.all([
    sql(stack, "select * from requests where tenant_id = $1", tenant),
    sql(stack, "select * from charges where tenant_id = $1 order by request_id, ordinal", tenant),
    tally(stack.home?.url, "home"),
    tally(stack.cloud?.url, "cloud"),
    readMetrics(stack),
    dump(stack, tenant),
  ]);
  const calls = [...home, ...cloud].toSorted((a, b) => a.arrivedAtMs - b.arrivedAtMs || a.sequence - b.sequence);
  return {
    rows: new Map(rows.map((row) => [row.id ?? "", row])),
    charges: Map.groupBy(charges, (row) => row.request_id ?? ""),
    calls: Map.groupBy(calls, (call) => call.requestId ?? ""),
    redis: held,
    metrics,
  };
}

async function tally(url: string | undefined, process: "home" | "cloud"): Promise<readonly Call[]> {
  const { calls } = (await (await fetch(`${url}/sim/tally`)).json()) as { calls: TallyCall[] };
  return calls.map((call) => ({
    ...call,
    backend: call.format === "anthropic" ? "claude" : process,
    traceId: call.headers.find(([name]) => name.toLowerCase() === "traceparent")?.[1].split("-")[1],
  }));
}

/** Every key of the tenant with what it holds. */
export async function dump(stack: TestStack, tenant: string): Promise<ReadonlyMap<string, RedisValue>> {
  const prefix = `t:{${tenant}}:`;
  const [found] = await redis(stack, [["KEYS", `${prefix}*`]]);
  const names = found as string[];
  if (names.length === 0) return new Map();
  const types = await redis(
    stack,
    names.map((name) => ["TYPE", name]),
  );
  // What has run out since is of no type, and is left out.
  const reads = names.flatMap((name, index) => readOf(name, String(types[index])));
  const values = await redis(
    stack,
    reads.map(({ command }) => command),
  );
  return new Map(reads.map(({ name }, index) => [name.slice(prefix.length), pairs(values[index])]));
}

function readOf(name: string, type: string): readonly { readonly name: string; readonly command: readonly string[] }[] {
  switch (type) {
    case "hash":
      return [{ name, command: ["HGETALL", name] }];
    case "zset":
      return [{ name, command: ["ZRANGE", name, "0", "-1", "WITHSCORES"] }];
    case "string":
      return [{ name, command: ["GET", name] }];
    default:
      return [];
  }
}

function pairs(value: unknown): RedisValue {
  if (!Array.isArray(value)) return { "": String(value) };
  const flat = value.map(String);
  return Object.fromEntries(flat.flatMap((name, index) => (index % 2 === 0 ? [[name, flat[index + 1] ?? ""]] : [])));
}

async function readMetrics(stack: TestStack): Promise<ReadonlyMap<string, number>> {
  const response = await fetch(`${stack.gateway}/metrics`, {
    headers: { authorization: `Bearer ${stack.metricsToken}` },
  });
  if (!response.ok) throw new Error(`/metrics answered ${response.status}`);
  const lines = (await response.text()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1))]),
  );
}
