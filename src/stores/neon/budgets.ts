import { sql } from "drizzle-orm";
import type { BudgetLimit } from "../../core/config.ts";
import type { LimitLevel } from "../../core/failure.ts";
import type { BudgetRebuilder, Clock } from "../../core/ports.ts";
import type { Neon, Outcome } from "./client.ts";

/** What one subject has spent in the running period of each kind. */
export interface Spent {
  readonly level: LimitLevel;
  readonly subject: string;
  readonly period: BudgetLimit["period"];
  readonly nanoUsd: number;
}

/** The store that keeps running budgets; see `UpstashMoney.openMoney`. */
export interface Money {
  openMoney(tenant: string, spent: readonly Spent[], now: number): Promise<string>;
}

interface SpentRow extends Record<string, unknown> {
  readonly key_id: string | null;
  readonly user_id: string | null;
  readonly alias: string | null;
  readonly level: LimitLevel;
  readonly day: string | null;
  readonly month: string | null;
  readonly total: string | null;
}

/**
 * Opens a tenant's money after Redis lost its data, with what the ledger's rows say was spent, as role `app`. Money belongs to the
 * period (UTC) in which its request began. The rows are the truth and are read whole: it costs a scan of the tenant's requests.
 */
export class NeonBudgetRebuilder implements BudgetRebuilder {
  readonly #neon: Neon;
  readonly #money: Money;
  readonly #clock: Clock;

  constructor(neon: Neon, money: Money, clock: Clock = Date) {
    this.#neon = neon;
    this.#money = money;
    this.#clock = clock;
  }

  /** True once the tenant's money is open, for every level and subject that spent anything. */
  async rebuild(tenant: string): Promise<boolean> {
    const now = this.#clock.now();
    const spent = await this.spent(tenant, now);
    if (spent.kind !== "ok") return false;
    const opening = await this.#money.openMoney(tenant, spent.value, now);
    return opening === "opened" || opening === "open";
  }

  async spent(tenant: string, now: number): Promise<Outcome<readonly Spent[]>> {
    const moment = new Date(now).toISOString();
    const outcome = await this.#neon.runAs(tenant, (db) => [
      db.execute<SpentRow>(sql`
        with mine as (
          select key_id, user_id, alias, cost_nano_usd,
            started_at >= date_trunc('day', ${moment}::timestamptz, 'UTC') as is_of_day,
            started_at >= date_trunc('month', ${moment}::timestamptz, 'UTC') as is_of_month
          from requests
          where tenant_id = ${tenant} and cost_nano_usd > 0
        )
        select key_id, user_id, alias,
          case when grouping(key_id) = 0 then 'key' when grouping(user_id) = 0 then 'user'
            when grouping(alias) = 0 then 'model' else 'tenant' end as level,
          sum(cost_nano_usd) filter (where is_of_day) as day,
          sum(cost_nano_usd) filter (where is_of_month) as month,
          sum(cost_nano_usd) as total
        from mine
        group by grouping sets ((key_id), (user_id), (alias), ())`),
    ]);
    if (outcome.kind !== "ok") return outcome;
    return { kind: "ok", value: outcome.value[0].rows.flatMap((row) => spentOf(row, tenant)) };
  }
}

function spentOf(row: SpentRow, tenant: string): readonly Spent[] {
  const subject = { key: row.key_id, user: row.user_id, model: row.alias, tenant }[row.level];
  if (subject === null) return [];
  const sums = { day: row.day, month: row.month, total: row.total };
  return (["day", "month", "total"] as const).flatMap((period) => {
    const nanoUsd = sums[period];
    return nanoUsd === null ? [] : [{ level: row.level, subject, period, nanoUsd: Number(nanoUsd) }];
  });
}
