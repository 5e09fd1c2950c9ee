import fc from "fast-check";
import { expect, test } from "vitest";
import type { AdmissionRequest, LevelCharge } from "../../../src/core/ports.ts";
import { type Bench, levelOf, newTenant, onBothForms, requestOf, settlementOf } from "./support.ts";

const LIMIT_NANO_USD = 2_000;
const LIMIT_TOKENS = 300;
const CONCURRENCY = 6;

type Step =
  | { readonly do: "admit"; readonly tokens: number; readonly cost: number; readonly dies: boolean }
  | { readonly do: "settle"; readonly which: number; readonly tokens: number; readonly share: number }
  | { readonly do: "sweep" | "again" | "acknowledge"; readonly which: number };

const which = fc.nat(30);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("admit" as const),
      tokens: fc.nat(120),
      cost: fc.nat(700),
      dies: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("settle" as const), which, tokens: fc.nat(200), share: fc.nat(100) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom("sweep" as const, "again" as const, "acknowledge" as const), which }),
  },
);

/** What the books must say, kept beside Redis in the plainest way. */
interface Entry {
  readonly request: AdmissionRequest;
  readonly dies: boolean;
  state: "leased" | "abandoned" | "settled";
  tokens: number;
  cost: number;
}

class Books {
  readonly entries: Entry[] = [];

  get open(): readonly Entry[] {
    return this.entries.filter(({ state }) => state === "leased");
  }
  get reserved(): number {
    return this.open.reduce((sum, { cost }) => sum + cost, 0);
  }
  get spent(): number {
    return this.entries.filter(({ state }) => state !== "leased").reduce((sum, { cost }) => sum + cost, 0);
  }
  get tokens(): number {
    return this.entries.reduce((sum, { tokens }) => sum + tokens, 0);
  }
  pick(place: number): Entry | undefined {
    return this.entries[place % Math.max(1, this.entries.length)];
  }
}

async function take(
  bench: Bench,
  tenant: string,
  levels: readonly LevelCharge[],
  books: Books,
  move: Step,
): Promise<void> {
  if (move.do === "admit") {
    const reservation = { tokens: move.tokens, costNanoUsd: move.cost };
    const request = requestOf(tenant, { levels, reservation, leaseMs: move.dies ? 1 : 600_000 });
    // A lease of a millisecond has run out before the next step: it does not count as under way any more.
    const busy = books.open.filter(({ dies }) => !dies).length;
    const fits =
      books.spent + books.reserved + move.cost <= LIMIT_NANO_USD &&
      books.tokens + move.tokens <= LIMIT_TOKENS &&
      busy < CONCURRENCY;
    const reply = await bench.admission.admit(request);
    expect(reply.kind).toBe(fits ? "admitted" : "refused");
    if (fits) books.entries.push({ request, dies: move.dies, state: "leased", tokens: move.tokens, cost: move.cost });
    if (move.dies) await new Promise((resolve) => setTimeout(resolve, 3));
    return;
  }
  const entry = books.pick(move.which);
  if (!entry) return;
  const { requestId } = entry.request;
  switch (move.do) {
    case "again":
      expect((await bench.admission.admit(entry.request)).kind).toBe("admitted");
      return;
    case "sweep": {
      const swept = await bench.ledger.sweep(tenant, [requestId]);
      const runsOut = entry.state === "leased" && entry.dies;
      expect(swept).toEqual({
        ok: true,
        value: [runsOut ? "abandoned" : entry.state === "leased" ? "running" : "not-leased"],
      });
      if (runsOut) entry.state = "abandoned";
      return;
    }
    case "acknowledge": {
      const outcome = entry.state === "abandoned" ? "abandoned" : "completed";
      await bench.ledger.acknowledge(tenant, [{ requestId, outcome, counters: {} }]);
      return;
    }
    case "settle": {
      // The reservation is an upper bound of money; tokens may turn out to be more.
      const cost = Math.floor((entry.request.reservation.costNanoUsd * move.share) / 100);
      const reply = await bench.admission.settle(
        settlementOf(entry.request, { tokens: move.tokens, costNanoUsd: cost }),
      );
      expect(reply.kind).toBe({ leased: "settled", abandoned: "late", settled: "already-settled" }[entry.state]);
      if (entry.state === "settled") return;
      Object.assign(entry, { state: "settled", tokens: move.tokens, cost });
    }
  }
}

async function compare(bench: Bench, tenant: string, levels: readonly LevelCharge[], books: Books): Promise<void> {
  for (const { level, subject } of levels) {
    const name = `${level}:${subject}`;
    const money = (await bench.command(["HMGET", `t:{${tenant}}:m:${name}`, "s:total", "r:total"])) as unknown[];
    const [spent, reserved] = money.map((value) => Number(value ?? 0));
    expect({ name, spent, reserved }).toEqual({ name, spent: books.spent, reserved: books.reserved });
    expect((spent ?? 0) + (reserved ?? 0)).toBeLessThanOrEqual(LIMIT_NANO_USD);
    const bucket = (await bench.command(["HMGET", `t:{${tenant}}:b:${name}`, "t", "p"])) as unknown[];
    // A token comes back in about five minutes: what is refilled during a run is less than one.
    expect(Math.ceil(Number(bucket[0] ?? 0) / Number(bucket[1] ?? 1))).toBe(books.tokens);
  }
}

onBothForms("law", "the law of the books", (bench) => {
  // planted: a late settlement moves the whole cost (money), and `sweep` releases without charging (money)
  test("whatever happens in whatever order: reserved is what is open, spent never passes the limit, all nets to zero", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const tenant = await newTenant(bench());
        const limits = {
          tokensPerMinute: LIMIT_TOKENS,
          concurrency: CONCURRENCY,
          budget: { limitNanoUsd: LIMIT_NANO_USD, period: "total" },
        } as const;
        const levels = [levelOf(limits), levelOf(limits, "tenant", tenant)];
        const books = new Books();
        for (const move of steps) await take(bench(), tenant, levels, books, move);
        await compare(bench(), tenant, levels, books);
        for (const entry of books.open) {
          await bench().admission.settle(settlementOf(entry.request, { tokens: 0, costNanoUsd: 0 }));
          Object.assign(entry, { state: "settled", tokens: 0, cost: 0 });
        }
        expect(books.reserved).toBe(0);
        await compare(bench(), tenant, levels, books);
        expect(await bench().dump(`t:{${tenant}}:l:`)).toEqual({});
      }),
      { numRuns: 25 },
    );
  });
});
