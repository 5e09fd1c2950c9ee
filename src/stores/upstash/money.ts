import type { MoneyOpener } from "../../core/admin.ts";
import type { BudgetLimit } from "../../core/config.ts";
import type { LimitLevel } from "../../core/failure.ts";
import { dueKey, generationKey, levelKey, quarantineKey } from "./keys.ts";
import { budgetPeriod } from "./levels.ts";
import type { Link } from "./link.ts";
import { scripts } from "./scripts.ts";

/** What a subject has spent in the period of `kind` that is running, as Postgres sums it up. */
export interface SpentMoney {
  readonly level: LimitLevel;
  readonly subject: string;
  readonly period: BudgetLimit["period"];
  readonly nanoUsd: number;
}

/** See lua/money.ts; `unavailable`: Redis did not answer. */
export type MoneyOpening = "opened" | "open" | "quarantined" | "undrained" | "unavailable";

const DAY_MS = 86_400_000;

/** Opens the money of a tenant: for a new one with nothing spent, after a flush with what the ledger holds. */
export class UpstashMoney implements MoneyOpener {
  readonly #link: Link;

  constructor(link: Link) {
    this.#link = link;
  }

  /** For a tenant that has nothing in flight. True once its money is open. */
  async open(tenant: string): Promise<boolean> {
    const opening = await this.openMoney(tenant, []);
    return opening === "opened" || opening === "open";
  }

  /**
   * `spent` must name every level and subject of the tenant that spent anything in a running period, not only those of one request:
   * what it leaves out counts as unspent from here on. Changes nothing where the money is open already.
   */
  async openMoney(tenant: string, spent: readonly SpentMoney[], now: number = Date.now()): Promise<MoneyOpening> {
    const keys = spent.map(({ level, subject }) => levelKey(tenant, "m", level, subject));
    const args = spent.flatMap(({ period, nanoUsd }) => {
      const { id, endsAt } = budgetPeriod(period, now);
      return [id, String(nanoUsd), endsAt === undefined ? "" : String(endsAt + 2 * DAY_MS)];
    });
    const answer = await this.#link.run([
      {
        script: scripts.openMoney,
        keys: [generationKey(tenant), quarantineKey(tenant), dueKey(tenant), ...keys],
        args,
      },
    ]);
    const word = answer.ok ? answer.replies[0]?.result : undefined;
    return word === "opened" || word === "open" || word === "quarantined" || word === "undrained"
      ? word
      : "unavailable";
  }
}
