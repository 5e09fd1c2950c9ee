import type { Config, Route } from "../core/config.ts";
import type { Price } from "../core/money.ts";

/**
 * A price that none of the route's permitted targets exceeds, part by part: what a reservation must cover, whichever of them answers.
 * Disabled backends do not count, nor do those that are not `available` where that is given.
 */
export function dearestPrice(route: Route, config: Config, available?: ReadonlySet<string>): Price {
  const prices = [...route.targets, ...route.fallbacks]
    .filter(
      ({ backend }) => !config.disabledBackends.has(backend) && (available === undefined || available.has(backend)),
    )
    .map((target) => target.price);
  const most = (part: (price: Price) => number): number => Math.max(0, ...prices.map(part));
  return {
    inputPerMillion: most((price) => price.inputPerMillion),
    outputPerMillion: most((price) => price.outputPerMillion),
    cachedInputPerMillion: most((price) => price.cachedInputPerMillion ?? price.inputPerMillion),
    cacheWritePerMillion: most((price) => price.cacheWritePerMillion ?? price.inputPerMillion),
    perRequest: most((price) => price.perRequest ?? 0),
  };
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
