import type { Route } from "../core/config.ts";
import { isGenerative } from "../core/draft.ts";
import type { Decoded, Resolved } from "../core/exchange.ts";
import { ceilingNanoUsd, type Price } from "../core/money.ts";
import type { Reservation } from "../core/ports.ts";
import { isContinuable } from "./conversation.ts";
import type { Chain } from "./standing.ts";
import { isStreamed } from "./streamed.ts";
import { COMPLAINT_MAX_TOKENS, wantedStructure } from "./structure.ts";

/** Repairs that may follow this request's answer. With several choices there are none: one complaint cannot speak of all of them. */
export function repairsOf({ draft, body }: Pick<Decoded, "draft" | "body">, route: Route): number {
  const repairs = route.validateStructured?.repairs ?? 0;
  if (repairs === 0 || draft.operation !== "chat" || (draft.choices ?? 1) > 1) return 0;
  return wantedStructure(draft, body) ? repairs : 0;
}

/** How often this request's answer may be taken up again where it breaks off. */
export function continuationsOf({ draft }: Pick<Decoded, "draft">, route: Route): number {
  return route.continueStreams && isContinuable(draft) ? route.continueStreams.attempts : 0;
}

/** How many answers may be asked for beside the first: one where the route hedges and the caller takes another's answer. */
export function hedgesOf({ draft, controls }: Pick<Decoded, "draft" | "controls">, route: Route): number {
  return route.hedge && isGenerative(draft) && !controls.noFallback ? 1 : 0;
}

/**
 * How many answers may be paid for and left: what a content filter stopped where a step stands for that, and JSON that broke off, was none, or was
 * filtered. A stream is left before it has written anything.
 */
export function leftOf(
  exchange: Pick<Resolved, "draft" | "body" | "controls" | "route" | "maxOutputTokens">,
  { length, filters, leavable }: Chain,
): number {
  const { draft, controls, route } = exchange;
  if (length < 2 || controls.noFallback || draft.operation === "tokenize") return 0;
  const filtered = isGenerative(draft) ? filters : 0;
  const whole = leavable.filter((step) => !isStreamed(step, exchange)).length;
  return Math.min(filtered + whole, length - 1, route.maxAttempts - 1);
}

/**
 * The most that a request can use. One that is asked for beside the first, or before it, reads the same, and may write as much until it is stopped or left. Each round behind the first (a repair, a continuation) reads what its predecessors read, their whole answer, and
 * at most a complaint about it.
 */
export function reservationFor(
  price: Price,
  inputTokens: number,
  outputTokens: number,
  furtherRounds: number,
  beside = 0,
): Reservation {
  let tokens = beside * (inputTokens + outputTokens);
  let costNanoUsd = beside * ceilingNanoUsd(price, inputTokens, outputTokens);
  for (let round = 0; round <= furtherRounds; round++) {
    const input = inputTokens + round * (outputTokens + COMPLAINT_MAX_TOKENS);
    tokens += input + outputTokens;
    costNanoUsd += ceilingNanoUsd(price, input, outputTokens);
  }
  return { tokens, costNanoUsd };
}
