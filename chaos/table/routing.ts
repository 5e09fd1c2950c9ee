/** What plan and dispatch do beside a fallback: breakers held by hand, hedges, seats. */
import type { Fault } from "../types.ts";
import { ANSWER, always, LEFT } from "./sights.ts";

const row = (fault: Omit<Fault, "group" | "leaves">): Fault => ({ leaves: [LEFT], ...fault, group: "routing" });

export const ROUTING_FAULTS: readonly Fault[] = [
  row({ id: "held-open", title: "its breaker is held open", first: "held", stays: always({ sees: "spared" }) }),
  row({
    id: "hedged",
    title: "silent, and hedged",
    first: "hedging",
    backend: "slow-headers,ms=20000",
    stays: always({ sees: "hedged" }),
  }),
  row({
    id: "hedge-fails",
    title: "slow, and the hedge fails at once",
    first: "hedging",
    backend: "slow-headers,ms=900",
    next: "error-frame,after=0",
    stays: always({ sees: "unhedged" }),
    // Whoever leaves at the first byte leaves the first target's answer; whoever leaves before, both.
    departure: { at: 600, how: "reset" },
  }),
  row({ id: "seats", title: "more callers than seats", first: "seated", stays: always(ANSWER), again: "as said" }),
  row({
    id: "seats-dead",
    title: "who hands out the seats dies",
    first: "seated",
    orders: [{ atMs: 200, kill: "seats" }],
    stays: always(ANSWER),
  }),
];
