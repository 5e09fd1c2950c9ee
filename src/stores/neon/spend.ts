import { sql } from "drizzle-orm";
import type { LimitLevel } from "../../core/failure.ts";
import type { Neon } from "./client.ts";

interface SpentRow extends Record<string, unknown> {
  readonly level: LimitLevel;
  readonly subject: string;
  readonly period: string;
  readonly nano_usd: string;
}

/** One subject and one period, which is named as in Redis: `2026-11-21`, `2026-11` or `total`. */
interface Place {
  readonly level: LimitLevel;
  readonly subject: string;
  readonly period: string;
}

/**
 * What the ledger's rows come to, as role `app`. Each sum is one row of `spend`, found by its primary key, so the cost of asking does not
 * grow with the number of requests. Money belongs to the period (UTC) in which its request began.
 */
export class NeonSpend {
  readonly #neon: Neon;

  constructor(neon: Neon) {
    this.#neon = neon;
  }

  /** Nano-dollars in the order asked for; 0 where nothing was spent. Undefined while the database is away. */
  async spent(tenant: string, of: readonly Place[]): Promise<readonly number[] | undefined> {
    const wanted = JSON.stringify(of.map(({ level, subject, period }) => ({ level, subject, period })));
    const outcome = await this.#neon.runAs(tenant, (db) => [
      db.execute<SpentRow>(sql`
        select level, subject, period, nano_usd from spend
        join jsonb_to_recordset(${wanted}::jsonb) as wanted (level text, subject text, period text)
          using (level, subject, period)
        where tenant_id = ${tenant}`),
    ]);
    if (outcome.kind !== "ok") return undefined;
    const { rows } = outcome.value[0];
    // Below zero only where an operator deleted a sum whose request was corrected later.
    return of.map((place) => Math.max(0, Number(rows.find((row) => isOf(row, place))?.nano_usd ?? 0)));
  }
}

function isOf(row: SpentRow, { level, subject, period }: Place): boolean {
  return row.level === level && row.subject === subject && row.period === period;
}
