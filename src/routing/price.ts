import type { Config, Route, Target } from "../core/config.ts";
import { isWithin, type Price } from "../core/money.ts";

/**
 * A price that none of the route's permitted targets exceeds, part by part: what a reservation must cover, whichever of them answers.
 * Disabled backends do not count, nor do those that are not `available` where that is given, nor what is above a ceiling of the configuration.
 */
export function dearestPrice(route: Route, config: Config, available?: ReadonlySet<string>): Price {
  const prices = [...route.targets, ...route.fallbacks]
    .filter(
      (target) =>
        !config.disabledBackends.has(target.backend) &&
        (available === undefined || available.has(target.backend)) &&
        isBelowCeilings(target, route),
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

/** Whether the target's price is within its own ceiling and the route's. */
export function isBelowCeilings({ price, priceCeiling }: Target, route: Pick<Route, "priceCeiling">): boolean {
  return (
    (priceCeiling === undefined || isWithin(price, priceCeiling)) &&
    (route.priceCeiling === undefined || isWithin(price, route.priceCeiling))
  );
}
