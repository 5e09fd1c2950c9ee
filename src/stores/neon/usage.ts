import { type SQL, sql } from "drizzle-orm";
import type { UsageGrouping, UsageQuery, UsageReader, UsageRow } from "../../core/admin.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import { failureOf, type Neon } from "./client.ts";

/** Sums come as text: they may be larger than any one row's bigint. */
type SumRow = Record<"group" | Exclude<keyof UsageRow, "group">, string>;

/** What a group of requests is called. Days are UTC. */
const GROUPS: Readonly<Record<Exclude<UsageGrouping, "backend">, SQL>> = {
  day: sql`to_char(started_at at time zone 'UTC', 'YYYY-MM-DD')`,
  alias: sql`alias`,
  key: sql`coalesce(key_id, '')`,
};

const SUMS = sql`
  count(*) as requests,
  coalesce(sum(input_tokens), 0) as "inputTokens",
  coalesce(sum(output_tokens), 0) as "outputTokens",
  coalesce(sum(cached_input_tokens), 0) as "cachedInputTokens",
  coalesce(sum(cost_nano_usd), 0) as "costNanoUsd",
  count(*) filter (where estimated) as estimated`;

/** Usage of a tenant over a span, as role `admin`. What the ledger has not written yet is not in it. */
export class NeonUsage implements UsageReader {
  readonly #neon: Neon;

  constructor(neon: Neon) {
    this.#neon = neon;
  }

  async usage(query: UsageQuery): Promise<Result<readonly UsageRow[]>> {
    const outcome = await this.#neon.run((db) => db.execute<SumRow>(statementFor(query)));
    if (outcome.kind !== "ok") return fail(failureOf(outcome));
    return ok(
      outcome.value.rows.map(({ group, ...sums }) => ({
        group,
        requests: Number(sums.requests),
        inputTokens: Number(sums.inputTokens),
        outputTokens: Number(sums.outputTokens),
        cachedInputTokens: Number(sums.cachedInputTokens),
        costNanoUsd: Number(sums.costNanoUsd),
        estimated: Number(sums.estimated),
      })),
    );
  }
}

function statementFor(query: UsageQuery): SQL {
  const [from, to] = [new Date(query.from).toISOString(), new Date(query.to).toISOString()];
  const mine = sql`tenant_id = ${query.tenant} and started_at >= ${from} and started_at < ${to}`;
  if (query.by !== "backend") {
    return sql`select ${GROUPS[query.by]} as "group", ${SUMS} from requests where ${mine} group by 1 order by 1`;
  }
  // By the charges, of which a request has several; an abandoned one has none, and its cost is nobody's but its own.
  return sql`
    select "group", ${SUMS} from (
      select charges.backend as "group", ${summed("charges")}
      from charges join requests on requests.id = charges.request_id
      where requests.tenant_id = ${query.tenant} and requests.started_at >= ${from} and requests.started_at < ${to}
      union all
      select '(abandoned)', ${summed("requests")} from requests where ${mine} and status = 'abandoned'
    ) as parts group by 1 order by 1`;
}

/** The columns that `SUMS` sums up, of one table. */
function summed(table: "charges" | "requests"): SQL {
  const names = ["input_tokens", "output_tokens", "cached_input_tokens", "cost_nano_usd", "estimated"];
  return sql.raw(names.map((name) => `${table}.${name}`).join(", "));
}
