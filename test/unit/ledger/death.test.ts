import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { consume } from "../../../workers/ledger/src/consume.ts";
import type { Ledger } from "../../../workers/ledger/src/ports.ts";
import { sweep } from "../../../workers/ledger/src/sweep.ts";
import { abandonedOf, settledEvent } from "../../support/events.ts";
import { type Bench, message, startBench } from "./bench.ts";

/** Far more calls than one pass makes: the last passes die of nothing. */
const CALLS = 12;

let bench: Bench;
beforeAll(async () => {
  bench = await startBench();
});
beforeEach(() => bench.reset());
afterAll(() => bench.close());

/** The ledger of an isolate that dies at its nth call of a store: before the call is made, or when it has had its effect. */
function mortal(ledger: Ledger, nth: number, moment: "before" | "after"): Ledger {
  let calls = 0;
  const watched = <Store extends object>(store: Store): Store =>
    new Proxy(store, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== "function") return member;
        return async (...parameters: readonly unknown[]) => {
          const isLast = calls++ === nth;
          if (isLast && moment === "before") throw new Error("the isolate died");
          const answer: unknown = await Reflect.apply(member, target, parameters);
          if (isLast) throw new Error("the isolate died");
          return answer;
        };
      },
    });
  return { ...ledger, rows: watched(ledger.rows), records: watched(ledger.records) };
}

const nthAndMoment = Array.from({ length: CALLS }, (_, nth) => [
  [nth, "before"] as const,
  [nth, "after"] as const,
]).flat();

describe("a ledger that dies between any two of its calls", () => {
  // planted: the acknowledgement came before the write
  it.each(nthAndMoment)("loses nothing and counts nothing twice: at call %i, %s it", async (nth, moment) => {
    const [told, unheard, lost] = [settledEvent(), settledEvent(), settledEvent()];
    for (const event of [told, unheard, lost]) await bench.admit(event, abandonedOf(event));
    await bench.settle(told);
    const died = (error: unknown) => expect(String(error)).toContain("the isolate died");
    const sent = message([told, unheard]);
    await consume([sent], mortal(bench.ledger, nth, moment)).catch(died);
    await bench.leaseOver();
    await sweep(mortal(bench.ledger, nth, moment)).catch(died);
    // The queue delivers again what was not acknowledged, and the next minute's sweep finds the rest.
    if (sent.verdict !== "acked") await consume([message([told, unheard], 2)], bench.ledger);
    await sweep(bench.ledger);

    const found = await Promise.all([told, unheard, lost].map(({ requestId }) => bench.rows(requestId)));
    expect(found.map(({ request, charges }) => ({ ...request, charges }))).toMatchObject([
      { status: "settled", cost_nano_usd: "1400", charges: 1 },
      { status: "settled", cost_nano_usd: "1400", charges: 1 },
      { status: "abandoned", cost_nano_usd: "9000", charges: 0 },
    ]);
    expect(await bench.due()).toEqual([]);
    expect((await bench.counted()).all).toBe(3);
    expect(await bench.budget()).toEqual({ reserved: 0, spent: 1_400 + 1_400 + 9_000 });
  });
});
