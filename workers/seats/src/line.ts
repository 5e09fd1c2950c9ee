/** A request that wants to be seated. */
export interface Asking {
  readonly id: string;
  /** The tier's; lower is seated first. */
  readonly rank: number;
  readonly tenant: string;
  /** Seats that it takes; more than there are counts as all of them. */
  readonly seats: number;
  /** When it began to wait: that counts among those of its tenant, also where it asks a second time. */
  readonly since: number;
}

/** The requests of one tier that wait: tenants in turn, each with its own in the order in which they came. */
export class Line {
  readonly rank: number;
  /** What this tier is owed of the seats that were given while it waited, or has had beyond that; 1 is a seat. */
  credit = 0;
  /** In the order of their turns. A tenant whose last request has gone is not among them. */
  #tenants = new Map<string, Asking[]>();
  #size = 0;

  constructor(rank: number) {
    this.rank = rank;
  }

  get size(): number {
    return this.#size;
  }

  /** How many the tenant with the most has. */
  get largest(): number {
    let most = 0;
    for (const own of this.#tenants.values()) most = Math.max(most, own.length);
    return most;
  }

  sizeOf(tenant: string): number {
    return this.#tenants.get(tenant)?.length ?? 0;
  }

  add(asking: Asking): void {
    const own = this.#tenants.get(asking.tenant);
    this.#size++;
    if (!own) {
      this.#tenants.set(asking.tenant, [asking]);
      return;
    }
    const behind = own.findLastIndex(({ since }) => since <= asking.since);
    own.splice(behind + 1, 0, asking);
  }

  remove({ id, tenant }: Asking): void {
    const own = this.#tenants.get(tenant);
    const index = own?.findIndex((asking) => asking.id === id) ?? -1;
    if (!own || index < 0) return;
    own.splice(index, 1);
    this.#size--;
    if (own.length === 0) this.#tenants.delete(tenant);
    this.#settle();
  }

  first(): Asking | undefined {
    for (const own of this.#tenants.values()) return own[0];
    return undefined;
  }

  /** Takes the first away; its tenant's next turn comes behind all others'. */
  take(): void {
    for (const [tenant, own] of this.#tenants) {
      own.shift();
      this.#size--;
      this.#tenants.delete(tenant);
      if (own.length > 0) this.#tenants.set(tenant, own);
      break;
    }
    this.#settle();
  }

  newestOfLargest(): Asking | undefined {
    const most = this.largest;
    for (const own of this.#tenants.values()) if (own.length === most) return own.at(-1);
    return undefined;
  }

  copy(): Line {
    const line = new Line(this.rank);
    line.credit = this.credit;
    line.#size = this.#size;
    line.#tenants = new Map([...this.#tenants].map(([tenant, own]) => [tenant, [...own]]));
    return line;
  }

  /** What a tier is owed it is owed while it waits. */
  #settle(): void {
    if (this.#size === 0) this.credit = 0;
  }
}

export interface Choice {
  readonly asking: Asking;
  /** Takes it from its line, and counts what the lines below are owed. */
  commit(): void;
}

/** Two tiers may have gained a seat at once; none saves up more than that. */
const MOST_CREDIT = 2;
/** What a tier had beyond its share counts against it up to so many seats. */
const MOST_DEBT = 1;
/** Tenths add up to a little less than a whole. */
const ROUNDING = 1e-9;

/**
 * Whose turn it is: the first of the best tier that waits, unless a lower one has gained a seat by its share. However many tiers wait below, half
 * of the seats stay the best one's.
 *
 * A seat that a lower tier gets anyway, because no better one waits just then, counts towards its share. So the share costs the better tiers nothing
 * where they leave it over: of any `n` seats that are given while it waits the lower tier gets at least `n × share - 2` (three less where several wait).
 */
export function choose(lines: readonly Line[], lowerShare: number): Choice | undefined {
  const waiting = lines.filter(({ size }) => size > 0);
  const [best, ...lower] = waiting;
  if (!best) return undefined;
  const share = Math.min(lowerShare, 0.5 / Math.max(1, lower.length));
  const line = lower.find(({ credit }) => credit + share >= 1 - ROUNDING) ?? best;
  const asking = line.first();
  if (!asking) return undefined;
  return {
    asking,
    commit() {
      for (const one of waiting) one.credit = Math.min(MOST_CREDIT, one.credit + share);
      line.credit = Math.max(-MOST_DEBT, line.credit - 1);
      line.take();
    },
  };
}

/** Everybody in these lines, in the order of their turns. */
export function orderOf(lines: readonly Line[], lowerShare: number): readonly Asking[] {
  const copies = lines.map((line) => line.copy());
  const order: Asking[] = [];
  for (let choice = choose(copies, lowerShare); choice; choice = choose(copies, lowerShare)) {
    choice.commit();
    order.push(choice.asking);
  }
  return order;
}
