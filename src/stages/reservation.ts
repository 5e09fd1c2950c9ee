import type { Route } from "../core/config.ts";
import type { Decoded } from "../core/exchange.ts";
import { ceilingNanoUsd, type Price } from "../core/money.ts";
import type { Reservation } from "../core/ports.ts";
import { COMPLAINT_MAX_TOKENS, wantedStructure } from "./structure.ts";

/** Repairs that may follow this request's answer. With several choices there are none: one complaint cannot speak of all of them. */
export function repairsOf({ draft, body }: Pick<Decoded, "draft" | "body">, route: Route): number {
  const repairs = route.validateStructured?.repairs ?? 0;
  if (repairs === 0 || draft.operation !== "chat" || (draft.choices ?? 1) > 1) return 0;
  return wantedStructure(draft, body) ? repairs : 0;
}

/** The most that a request can use. Each repair reads what its predecessors read, their whole answer, and the complaint about it. */
export function reservationFor(price: Price, inputTokens: number, outputTokens: number, repairs: number): Reservation {
  let tokens = 0;
  let costNanoUsd = 0;
  for (let round = 0; round <= repairs; round++) {
    const input = inputTokens + round * (outputTokens + COMPLAINT_MAX_TOKENS);
    tokens += input + outputTokens;
    costNanoUsd += ceilingNanoUsd(price, input, outputTokens);
  }
  return { tokens, costNanoUsd };
}
