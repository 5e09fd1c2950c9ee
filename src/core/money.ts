import type { Usage } from "./usage.ts";

/** US dollars per million tokens, as providers print them. `perRequest` in dollars. */
export interface Price {
  readonly inputPerMillion: number;
  readonly outputPerMillion: number;
  readonly cachedInputPerMillion?: number;
  readonly cacheWritePerMillion?: number;
  readonly perRequest?: number;
}

/** One dollar is 10^9 nano-dollars; a dollar per million tokens is 1,000 nano-dollars a token. */
export const NANO_USD = 1_000_000_000;
const NANO_PER_TOKEN = 1_000;

/** The cost of `usage` in integer nano-dollars, rounded up once. Unknown counts cost nothing here: estimate them before. */
export function costNanoUsd(price: Price, usage: Usage): number {
  const cached = usage.cachedInputTokens ?? 0;
  const written = usage.cacheWriteTokens ?? 0;
  const plain = Math.max(0, (usage.inputTokens ?? 0) - cached - written);
  const nano =
    plain * price.inputPerMillion * NANO_PER_TOKEN +
    cached * (price.cachedInputPerMillion ?? price.inputPerMillion) * NANO_PER_TOKEN +
    written * (price.cacheWritePerMillion ?? price.inputPerMillion) * NANO_PER_TOKEN +
    (usage.outputTokens ?? 0) * price.outputPerMillion * NANO_PER_TOKEN +
    (price.perRequest ?? 0) * NANO_USD;
  // Six decimals of a nano-dollar hide the noise of binary fractions, so that 3 × 0.1 does not round up to 0.4's ceiling.
  return Math.ceil(Math.round(nano * 1e6) / 1e6);
}

/** The most that a request may cost: every input token at the dearest input rate, every output token spent. */
export function ceilingNanoUsd(price: Price, inputTokens: number, outputTokens: number): number {
  const dearest = Math.max(price.inputPerMillion, price.cacheWritePerMillion ?? 0, price.cachedInputPerMillion ?? 0);
  return costNanoUsd({ ...price, inputPerMillion: dearest }, { inputTokens, outputTokens });
}

/** Whether nothing at `price` can cost more than the same at `ceiling`. */
export function isWithin(price: Price, ceiling: Price): boolean {
  const dearestInput = ({ inputPerMillion, cachedInputPerMillion, cacheWritePerMillion }: Price): number =>
    Math.max(inputPerMillion, cachedInputPerMillion ?? 0, cacheWritePerMillion ?? 0);
  return (
    dearestInput(price) <= dearestInput(ceiling) &&
    price.outputPerMillion <= ceiling.outputPerMillion &&
    (price.perRequest ?? 0) <= (ceiling.perRequest ?? 0)
  );
}
