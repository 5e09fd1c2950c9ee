import { type Asking, choose, Line, orderOf } from "./line.ts";

/** What a backend serves well, and who may wait for it. */
export interface SeatRules {
  /** Seats at most. A request takes as many as it generates sequences. */
  readonly count: number;
  /** Requests that may wait. */
  readonly queue: number;
  /** Of the seats that are given while those above it wait too, what each tier below is sure of (0..1). */
  readonly lowerShare: number;
}

export type Taken =
  | { readonly kind: "waiting" }
  /** There is no place to wait at, and nobody who must make room for this one. */
  | { readonly kind: "full" };

/** Changes that somebody has to be told of. */
export interface Told {
  /** Who sits now; they no longer wait. */
  readonly seated: readonly Asking[];
  /** Who had to make room for a newcomer. */
  readonly shed: readonly Asking[];
}

interface Sitting {
  readonly seats: number;
  /** From when its time at the seat is counted; undefined: it says nothing of others'. */
  readonly from: number | undefined;
}

/** How much of the newest time at a seat goes into the mean. */
const WEIGHT = 0.2;

/**
 * Seats on a GPU and the queue before them. Better tiers first, but each lower one keeps a small share; tenants of a tier in turn; requests of
 * a tenant in the order in which they came. Pure: no clock, no timer, nobody is told anything by it.
 */
export class SeatQueue {
  #rules: SeatRules;
  /** Seats that are left where the backend is fuller than the rules expect. */
  #limit = Number.POSITIVE_INFINITY;
  /** By rank, best first. */
  readonly #lines: Line[] = [];
  readonly #waiting = new Map<string, Asking>();
  readonly #sitting = new Map<string, Sitting>();
  #taken = 0;
  #serviceMs: number | undefined;
  #shed: Asking[] = [];

  constructor(rules: SeatRules) {
    this.#rules = rules;
  }

  get rules(): SeatRules {
    return this.#rules;
  }

  set rules(rules: SeatRules) {
    this.#rules = rules;
  }

  /** At least one seat stays: who waits for a machine that others keep busy must get there some time. */
  set limit(seats: number) {
    this.#limit = Math.max(1, seats);
  }

  /** Seats that there are now; never more than the rules say. */
  get count(): number {
    return Math.min(this.#rules.count, this.#limit);
  }

  /** Seats that are taken. */
  get taken(): number {
    return this.#taken;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Of every tier that has waited. */
  get waitingByRank(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#lines.map(({ rank, size }) => [rank, size]));
  }

  /** The mean time at a seat, once one is known. */
  get serviceMs(): number | undefined {
    return this.#serviceMs;
  }

  /** Whether a request that came now would sit at once, were it let. */
  hasRoomFor(asking: Asking): boolean {
    return this.#waiting.size === 0 && this.#taken + this.#need(asking) <= this.count;
  }

  /** Whether it might wait, where need be in another's place. */
  hasPlaceFor(asking: Asking): boolean {
    return this.#waiting.size < this.#rules.queue || this.#loser(asking) !== undefined;
  }

  /** Lets a request wait, where need be in the place of one that matters less. `sitsAtOnce`: the next `advance` will seat it. */
  ask(asking: Asking, sitsAtOnce: boolean): Taken {
    if (!sitsAtOnce && this.#waiting.size >= this.#rules.queue) {
      const loser = this.#loser(asking);
      if (loser === undefined) return { kind: "full" };
      this.leave(loser.id);
      this.#shed.push(loser);
    }
    this.#waiting.set(asking.id, asking);
    this.#lineOf(asking.rank).add(asking);
    return { kind: "waiting" };
  }

  /** A request that sits already: its seat was given by a predecessor that is no more. There may be more of these than seats. */
  resume(id: string, seats: number, now: number): void {
    this.#sit(id, seats, now);
  }

  /** A request that waits no more. */
  leave(id: string): void {
    const asking = this.#waiting.get(id);
    if (!asking) return;
    this.#waiting.delete(id);
    this.#lines.find(({ rank }) => rank === asking.rank)?.remove(asking);
  }

  /** From when the time of one that sits is counted; undefined: not at all. */
  countFrom(id: string, from: number | undefined): void {
    const sitting = this.#sitting.get(id);
    if (sitting) this.#sitting.set(id, { ...sitting, from });
  }

  /** Gives a seat back. `served`: it was used to the end, so how long says something of how long others will take. */
  release(id: string, now: number, served: boolean): void {
    const sitting = this.#sitting.get(id);
    if (!sitting) return;
    this.#sitting.delete(id);
    this.#taken -= sitting.seats;
    if (!served || sitting.from === undefined) return;
    const tookMs = now - sitting.from;
    this.#serviceMs = this.#serviceMs === undefined ? tookMs : this.#serviceMs + WEIGHT * (tookMs - this.#serviceMs);
  }

  /** Seats those whose turn it is, at most `most` of them. */
  advance(now: number, most = Number.POSITIVE_INFINITY): Told {
    const seated: Asking[] = [];
    while (seated.length < most) {
      const choice = choose(this.#lines, this.#rules.lowerShare);
      if (!choice || this.#taken + this.#need(choice.asking) > this.count) break;
      choice.commit();
      this.#waiting.delete(choice.asking.id);
      this.#sit(choice.asking.id, choice.asking.seats, now);
      seated.push(choice.asking);
    }
    const shed = this.#shed;
    this.#shed = [];
    return { seated, shed };
  }

  /** All who wait, in the order in which they would sit if nobody came and nobody left. */
  order(): readonly Asking[] {
    return orderOf(this.#lines, this.#rules.lowerShare);
  }

  /** How long until the one at `place` (from 1) sits, by what seats took so far; undefined while that is unknown. */
  aboutMs(place: number): number | undefined {
    return this.#serviceMs === undefined ? undefined : Math.round((this.#serviceMs * place) / this.count);
  }

  /** The place that a request of this rank and tenant would have if it began to wait now. */
  placeOf(asking: Asking): number {
    const lines = this.#lines.map((line) => line.copy());
    let line = lines.find(({ rank }) => rank === asking.rank);
    if (!line) {
      line = new Line(asking.rank);
      lines.push(line);
      lines.sort((a, b) => a.rank - b.rank);
    }
    line.add(asking);
    return orderOf(lines, this.#rules.lowerShare).findIndex(({ id }) => id === asking.id) + 1;
  }

  /** What must be free for it. Whoever wants more than there are now sits down alone. */
  #need({ seats }: Asking): number {
    return Math.min(seats, this.count);
  }

  /** It takes what it takes, however few there are now: those who come later have so many fewer. */
  #sit(id: string, wanted: number, now: number): void {
    const seats = Math.min(wanted, this.#rules.count);
    this.#sitting.set(id, { seats, from: now });
    this.#taken += seats;
  }

  #lineOf(rank: number): Line {
    const known = this.#lines.find((line) => line.rank === rank);
    if (known) return known;
    const line = new Line(rank);
    this.#lines.push(line);
    this.#lines.sort((a, b) => a.rank - b.rank);
    return line;
  }

  /**
   * Who must make room: of the lowest tier below the newcomer's that has more than its share of the queue, else of the newcomer's own tier
   * where a tenant has more waiting than the newcomer's would have; there the newest of the tenant with the most.
   */
  #loser(newcomer: Asking): Asking | undefined {
    const kept = Math.floor(this.#rules.queue * this.#rules.lowerShare);
    for (const line of this.#lines.toReversed()) {
      if (line.rank > newcomer.rank && line.size > kept) return line.newestOfLargest();
      if (line.rank === newcomer.rank) {
        return line.largest > line.sizeOf(newcomer.tenant) + 1 ? line.newestOfLargest() : undefined;
      }
    }
    return undefined;
  }
}
