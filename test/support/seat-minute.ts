import type { Asking } from "../../workers/seats/src/line.ts";
import { SeatQueue } from "../../workers/seats/src/queue.ts";

export const [ENTERPRISE, FREE] = [-10, 10] as const;
export const SEATS = 4;
/** The mean time at a seat; each takes between two and four thirds of it. */
export const SERVICE_MS = 300;
export const LONGEST_MS = SERVICE_MS * (4 / 3);

export interface Played {
  readonly seed: number;
  /** Enterprise's, of all that the seats serve. */
  readonly load: number;
  /** `even`: as of many callers who know nothing of each other, but never two at once. `random`: Poisson's, bursts and all. */
  readonly arrivals: "even" | "random";
  readonly lowerShare?: number;
  /** Of free, of all that the seats serve; ten by default. */
  readonly burst?: number;
  readonly enterpriseTenants?: number;
  /** How much more free's first tenant sends than each of the seven others. */
  readonly greed?: number;
}

/** One that was seated, in the order of seating. */
export interface Start {
  readonly rank: number;
  readonly tenant: string;
  readonly at: number;
  readonly waitedMs: number;
  /** Enterprise's place when it came; 0: it sat at once. */
  readonly place: number;
  /** Seats that were given back while it waited. */
  readonly outwaited: number;
  /** Tenants of free that waited when the seat was given. */
  readonly freeWaiting: ReadonlySet<string>;
}

/** A minute at the seats of one GPU, in a time of its own. The n-th to sit of a tier takes as long whatever else happens. */
export function minute(played: Played): readonly Start[] {
  const { seed, load, arrivals, lowerShare = 0.1, burst = 10, enterpriseTenants = 3, greed = 1 } = played;
  const queue = new SeatQueue({ count: SEATS, queue: 60, lowerShare });
  type Event = { readonly at: number } & ({ readonly asks: Asking } | { readonly ends: string });
  const events: Event[] = [];
  const perMs = SEATS / SERVICE_MS;
  let made = 0;
  const arrive = (
    rank: number,
    rate: number,
    tenants: readonly string[],
    how: Played["arrivals"],
    random: () => number,
  ) => {
    if (rate === 0) return;
    const gap = () => (how === "even" ? 0.75 + random() * 0.5 : -Math.log(1 - random())) / (rate * perMs);
    for (let at = gap(); at < 60_000; at += gap()) {
      const tenant = tenants[Math.floor(random() * tenants.length)] ?? "";
      events.push({ at, asks: { id: `r${++made}`, rank, tenant, seats: 1, since: at } });
    }
  };
  const names = (tier: string, count: number) => Array.from({ length: count }, (_, index) => `${tier}${index}`);
  arrive(ENTERPRISE, load, names("e", enterpriseTenants), arrivals, seeded(seed));
  const frees = [...Array.from({ length: greed }, () => "f0"), ...names("f", 8).slice(1)];
  arrive(FREE, burst, frees, "random", seeded(seed + 1_000));
  events.sort((a, b) => b.at - a.at);
  const takes = new Map<number, () => number>([ENTERPRISE, FREE].map((rank) => [rank, seeded(seed + 2_000 + rank)]));
  const waiting = new Map<string, { readonly place: number; readonly cameAfter: number; readonly asking: Asking }>();
  const starts: Start[] = [];
  let givenBack = 0;
  for (let event = events.pop(); event && event.at <= 60_000; event = events.pop()) {
    const { at } = event;
    if ("asks" in event) {
      const { asks: asking } = event;
      const sits = queue.hasRoomFor(asking);
      const place = sits || asking.rank === FREE ? 0 : queue.placeOf(asking);
      if (queue.ask(asking, sits).kind === "waiting") waiting.set(asking.id, { place, cameAfter: givenBack, asking });
    } else {
      queue.release(event.ends, at, true);
      givenBack++;
    }
    const { seated, shed } = queue.advance(at);
    for (const { id } of shed) waiting.delete(id);
    for (const { id, rank, tenant, since } of seated) {
      const { place = 0, cameAfter = 0 } = waiting.get(id) ?? {};
      const free = [...waiting.values()].filter(({ asking }) => asking.rank === FREE);
      const freeWaiting = new Set(free.map(({ asking }) => asking.tenant));
      waiting.delete(id);
      starts.push({ rank, tenant, at, waitedMs: at - since, place, outwaited: givenBack - cameAfter, freeWaiting });
      const takesMs = SERVICE_MS * (2 / 3 + (takes.get(rank)?.() ?? 0) * (2 / 3));
      const end = { at: at + takesMs, ends: id };
      events.splice(events.findLastIndex((later) => later.at > end.at) + 1, 0, end);
    }
  }
  return starts;
}

/** By rank order: as many are at most as long as the number, and a hundredth longer. */
export function p99(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length * 0.99)] ?? 0;
}

/** mulberry32: the same numbers every time. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
