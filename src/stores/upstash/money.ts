import type { MoneyOpener } from "../../core/admin.ts";
import type { BudgetSeeder, LevelCharge, Unseeded } from "../../core/ports.ts";
import { generationKey, levelKey, quarantineKey } from "./keys.ts";
import { budgetPeriod } from "./levels.ts";
import type { Link } from "./link.ts";
import { scripts } from "./scripts.ts";

/** A subject and one period of its spending, named as Redis names it. */
export interface SpentIn {
  readonly level: LevelCharge["level"];
  readonly subject: string;
  readonly period: string;
}

/** The ledger's sums, in the order asked for: 0 where nothing was spent. Undefined while it is away. */
export interface SpendReader {
  spent(tenant: string, of: readonly SpentIn[]): Promise<readonly number[] | undefined>;
}

const DAY_MS = 86_400_000;

/** Opens the money of new tenants, and puts the ledger's sums where Redis has none. */
export class UpstashMoney implements MoneyOpener, BudgetSeeder {
  readonly #link: Link;
  readonly #spend: SpendReader;

  constructor(link: Link, spend: SpendReader) {
    this.#link = link;
    this.#spend = spend;
  }

  /** For a tenant that has nothing in flight. True once its money is open; changes nothing where it is already. */
  async open(tenant: string): Promise<boolean> {
    const keys = [generationKey(tenant), quarantineKey(tenant)];
    const answer = await this.#link.run([{ script: scripts.openMoney, keys, args: [] }]);
    const word = answer.ok ? answer.replies[0]?.result : undefined;
    return word === "opened" || word === "open";
  }

  /** One look into the ledger, one call to Redis. Two at once are harmless: the first to write counts. */
  async seed(tenant: string, { now, generation, levels }: Unseeded): Promise<boolean> {
    const places = levels.flatMap(({ level, subject, limits: { budget } }) => {
      if (budget === undefined) return [];
      const { id, endsAt } = budgetPeriod(budget.period, now);
      return [{ level, subject, kind: budget.period, period: id, endsAt }];
    });
    const sums = await this.#spend.spent(tenant, places);
    if (sums === undefined) return false;
    const args = places.flatMap(({ kind, period, endsAt }, index) => [
      kind,
      period,
      String(sums[index] ?? 0),
      endsAt === undefined ? "" : String(endsAt + 2 * DAY_MS),
    ]);
    const keys = places.map(({ level, subject }) => levelKey(tenant, "m", level, subject));
    const call = { script: scripts.seedMoney, keys: [generationKey(tenant), ...keys], args: [generation, ...args] };
    const answer = await this.#link.run([call]);
    return answer.ok && answer.replies[0]?.result === "seeded";
  }
}
