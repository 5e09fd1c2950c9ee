import { getTableColumns, inArray, type SQL, sql } from "drizzle-orm";
import { toSnakeCase } from "drizzle-orm/casing";
import type { WideEvent } from "../../core/wide-event.ts";
import type { Neon, Outcome } from "./client.ts";
import { chargeRowsOf, eventFrom, requestRow } from "./event-rows.ts";
import { charges, requests } from "./schema.ts";

/** What became of a batch of events. */
export interface Written {
  /** Requests whose row this call wrote or replaced; the others stood already. */
  readonly fresh: readonly string[];
  /** Of the abandoned events: those that Postgres holds as settled. */
  readonly settledBefore: readonly string[];
}

/**
 * The ledger's tables, as role `ledger`, which sees every tenant's rows. One statement writes requests and charges together: a
 * request is written once, a settled event replaces an abandoned row once, and charges go in only with their request's row.
 */
export class NeonLedger {
  readonly #neon: Neon;

  constructor(neon: Neon) {
    this.#neon = neon;
  }

  /** Idempotent. At most one event a request id. `refused` says that one of the events cannot be stored as it is. */
  async write(events: readonly WideEvent[]): Promise<Outcome<Written>> {
    if (events.length === 0) return { kind: "ok", value: { fresh: [], settledBefore: [] } };
    const abandoned = events.filter((event) => event.outcome === "abandoned").map((event) => event.requestId);
    const outcome = await this.#neon.run((db) =>
      db.batch([
        db.execute<{ id: string }>(insertStatement(events)),
        db.execute<{ id: string }>(settledAmong(abandoned)),
      ]),
    );
    if (outcome.kind !== "ok") return outcome;
    const [fresh, settled] = outcome.value;
    return { kind: "ok", value: { fresh: idsOf(fresh.rows), settledBefore: idsOf(settled.rows) } };
  }

  /** The events of requests that are settled here, rebuilt from their rows, to be read like any that comes from outside. */
  async settledEvents(requestIds: readonly string[]): Promise<Outcome<readonly object[]>> {
    if (requestIds.length === 0) return { kind: "ok", value: [] };
    const outcome = await this.#neon.run((db) =>
      db.batch([
        db
          .select()
          .from(requests)
          .where(sql`${inArray(requests.id, [...requestIds])} and ${requests.status} = 'settled'`),
        db
          .select()
          .from(charges)
          .where(inArray(charges.requestId, [...requestIds]))
          .orderBy(charges.ordinal),
      ]),
    );
    if (outcome.kind !== "ok") return outcome;
    const [rows, parts] = outcome.value;
    return {
      kind: "ok",
      value: rows.map((row) =>
        eventFrom(
          row,
          parts.filter((charge) => charge.requestId === row.id),
        ),
      ),
    };
  }
}

/** All columns but those that Postgres or somebody else fills. */
const REQUEST_COLUMNS = sqlNames(Object.keys(getTableColumns(requests)), ["recordedAt", "updatedAt", "countedAt"]);
const CHARGE_COLUMNS = sqlNames(Object.keys(getTableColumns(charges)), ["recordedAt"]);

function sqlNames(names: readonly string[], without: readonly string[]): readonly string[] {
  return names.filter((name) => !without.includes(name)).map(toSnakeCase);
}

function withSqlNames(row: object): object {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [toSnakeCase(name), value]));
}

/**
 * Two parameters whatever the batch's size: the rows as JSON, which Postgres reads by the tables' own types. Ordered by id, so that
 * two writers of the same requests wait for each other and never lock in a ring.
 */
function insertStatement(events: readonly WideEvent[]): SQL {
  const requestRows = JSON.stringify(events.map((event) => withSqlNames(requestRow(event))));
  const chargeRows = JSON.stringify(events.flatMap(chargeRowsOf).map(withSqlNames));
  const requestList = sql.raw(REQUEST_COLUMNS.join(", "));
  const chargeList = sql.raw(CHARGE_COLUMNS.join(", "));
  const replaced = sql.raw(REQUEST_COLUMNS.map((name) => `${name} = excluded.${name}`).join(", "));
  return sql`
    with written as (
      insert into requests (${requestList})
      select ${requestList} from jsonb_populate_recordset(null::requests, ${requestRows}::jsonb) order by id
      on conflict (id) do update set ${replaced}, updated_at = now()
      where requests.status = 'abandoned' and excluded.status = 'settled' and requests.tenant_id = excluded.tenant_id
      returning id
    ), charged as (
      insert into charges (${chargeList})
      select ${chargeList} from jsonb_populate_recordset(null::charges, ${chargeRows}::jsonb)
      where request_id in (select id from written)
    )
    select id from written`;
}

function settledAmong(requestIds: readonly string[]): SQL {
  return sql`select id from requests where ${inArray(requests.id, [...requestIds])} and status = 'settled'`;
}

function idsOf(rows: readonly { readonly id: string }[]): readonly string[] {
  return rows.map((row) => row.id);
}
