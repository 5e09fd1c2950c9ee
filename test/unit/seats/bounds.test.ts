import { describe, expect, it, test } from "vitest";
import { ENTERPRISE, FREE, LONGEST_MS, minute, p99, SEATS, SERVICE_MS, type Start } from "../../support/seat-minute.ts";

/** What the queue promises, over minutes that are played at several loads, from several seeds. Free sends ten times what the seats serve. */
const SEEDS = [1, 2, 3, 4, 5, 6] as const;
const of = (rank: number, starts: readonly Start[]) => starts.filter((start) => start.rank === rank);
const waits = (starts: readonly Start[]) => starts.map(({ waitedMs }) => waitedMs);
const enterprise = (...played: Parameters<typeof minute>) => of(ENTERPRISE, minute(...played));

describe("enterprise, under a tenfold burst of free", () => {
  // planted: tiers in the order in which they came; a seat in three for the lower tiers
  it.each([0.2, 0.4, 0.6, 0.75])("waits at most one service time, p99 of each minute, at a load of %d", (load) => {
    for (const seed of SEEDS) {
      const starts = enterprise({ seed, load, arrivals: "even" });
      expect(starts.length).toBeGreaterThan(130);
      expect([seed, p99(waits(starts)) <= SERVICE_MS]).toEqual([seed, true]);
    }
  });

  // planted: as above
  it.each([0.17, 0.3])("also where its own callers come at random, at a load of %d", (load) => {
    const starts = SEEDS.flatMap((seed) => enterprise({ seed, load, arrivals: "random" }));
    expect(p99(waits(starts))).toBeLessThanOrEqual(SERVICE_MS);
  });

  // At that load some come five at a time, and wait for each other longer than that without free, too: 320 ms.
  // planted: a lower tier's share counted only since it last had a seat; a seat in five for the lower tiers
  it("at random and a load of 0.6, waits little longer than with no share for free at all, and one service time longer than without free", () => {
    const longest = (more: { readonly lowerShare?: number; readonly burst?: number }) =>
      p99(waits(SEEDS.flatMap((seed) => enterprise({ seed, load: 0.6, arrivals: "random", ...more }))));
    expect(longest({})).toBeLessThanOrEqual(longest({ lowerShare: 0 }) + SERVICE_MS / SEATS);
    expect(longest({})).toBeLessThanOrEqual(longest({ burst: 0 }) + SERVICE_MS);
  });

  // Nobody is sent away from a seat: all that free can do is to sit on it for one answer. Held for every single one.
  // planted: a share for free (red at 0.6 and 0.9)
  it.each([0.3, 0.6, 0.9])(
    "sits at most one answer later than without free, but for free's share, at a load of %d",
    (load) => {
      for (const seed of SEEDS) {
        const alone = enterprise({ seed, load, arrivals: "random", burst: 0 });
        const starts = enterprise({ seed, load, arrivals: "random", lowerShare: 0 });
        for (const [index, { at }] of starts.entries()) expect(at - (alone[index]?.at ?? at)).toBeLessThan(LONGEST_MS);
      }
    },
  );

  // planted: places told without what free is owed
  it.each([0.3, 0.6, 0.9])("sits with the seat of its place, at a load of %d", (load) => {
    for (const seed of SEEDS) {
      for (const { place, outwaited, waitedMs } of enterprise({
        seed,
        load,
        arrivals: "random",
        enterpriseTenants: 1,
      })) {
        expect(outwaited).toBeLessThanOrEqual(place);
        expect(waitedMs).toBeLessThanOrEqual(Math.ceil(place / SEATS) * LONGEST_MS);
      }
    }
  });
});

// planted: no share for the lower tiers; what a tier had beyond its share remembered for ever; seats that a tier has in its turn not counted as given
test.each([0.5, 0.8, 0.9, 0.95, 1.3])(
  "free gets its tenth, also of any seats in a row, while enterprise has a load of %d",
  (load) => {
    for (const seed of SEEDS) {
      for (const arrivals of ["even", "random"] as const) {
        const starts = minute({ seed, load, arrivals });
        expect(of(FREE, starts).length).toBeGreaterThanOrEqual(Math.floor(starts.length * 0.1));
        let [sum, most] = [0, 0];
        for (const { rank, freeWaiting } of starts) {
          if (rank !== FREE && freeWaiting.size === 0) [sum, most] = [0, 0];
          else sum += (rank === FREE ? 1 : 0) - 0.1;
          most = Math.max(most, sum);
          // Since any moment before: a tenth of the seats, less two.
          expect(most - sum).toBeLessThan(2 + 1e-6);
        }
      }
    }
  },
);

// planted: a tenant's next turn before the others'; the tenant with the most first
test("no tenant of a tier starves, though one sends as much as twenty others: each has a turn between two of another", () => {
  for (const seed of SEEDS) {
    const starts = of(FREE, minute({ seed, load: 0.6, arrivals: "random", greed: 20 }));
    /** By tenant: who has had a turn while it waited. */
    const passedBy = new Map<string, Set<string>>();
    for (const { tenant, freeWaiting } of starts) {
      passedBy.delete(tenant);
      for (const waiter of freeWaiting) {
        if (waiter === tenant) continue;
        const others = passedBy.get(waiter) ?? new Set();
        expect(others).not.toContain(tenant);
        passedBy.set(waiter, others.add(tenant));
      }
      for (const waiter of passedBy.keys()) if (!freeWaiting.has(waiter)) passedBy.delete(waiter);
    }
    const turns = Map.groupBy(starts, ({ tenant }) => tenant);
    expect(turns.size).toBe(8);
    for (const own of turns.values()) expect(own.length).toBeGreaterThan(20);
  }
});
