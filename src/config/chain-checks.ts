import { isWithin, type Price } from "../core/money.ts";
import { DEFAULT_TRIGGERS } from "../core/triggers.ts";
import { candidatesOf, contextOf, priceOf } from "./build.ts";
import { DEFAULT_ROUTE, defined } from "./defaults.ts";
import type { Finding } from "./finding.ts";
import type { ConfigFile, RouteFile } from "./schema.ts";
import type { Path } from "./yaml-source.ts";

/** A route's chain: steps that could never be taken, ceilings that nothing fits under, a hedge without a second. */
export function checkChain(at: Path, route: RouteFile, file: ConfigFile): Finding[] {
  const findings: Finding[] = [];
  const candidates = candidatesOf(route);
  const delayBudgetMs = route.delayBudgetMs ?? DEFAULT_ROUTE.delayBudgetMs;
  for (const candidate of candidates) {
    const path = [...at, candidate.list, candidate.index];
    const backend = Object.hasOwn(file.backends, candidate.backend) ? file.backends[candidate.backend] : undefined;
    const price = priceOf(candidate, backend);
    for (const [whose, { priceCeiling }] of [["the route's", route] as const, ["its own", candidate] as const]) {
      if (price && priceCeiling && !isWithin(price, plain(priceCeiling)))
        findings.push({ path, reason: `costs more than ${whose} priceCeiling, so it would never be asked` });
    }
    if ((candidate.delayBudgetMs ?? 0) > delayBudgetMs) {
      const reason = `${candidate.delayBudgetMs} is more than the whole route's (${delayBudgetMs})`;
      findings.push({ path: [...path, "delayBudgetMs"], reason });
    }
    if (backend && candidate.on?.includes("context") && contextOf(candidate, backend) === undefined) {
      const reason = "context leads to a larger model, and nothing says how large this is; give it contextTokens";
      findings.push({ path: [...path, "on"], reason });
    }
  }
  if (candidates.length < 2 && (route.fallbackOn ?? candidates[0]?.on) !== undefined)
    findings.push({ path: [...at, "targets"], reason: "is the whole chain: there is no step that anything leads to" });
  return [...findings, ...checkHedge([...at, "hedge"], route, delayBudgetMs)];
}

function checkHedge(path: Path, route: RouteFile, delayBudgetMs: number): Finding[] {
  const { hedge, operation = "chat" } = route;
  if (hedge === undefined) return [];
  const [, ...others] = candidatesOf(route);
  const leads = others.some(({ on = route.fallbackOn ?? DEFAULT_TRIGGERS }) => on.includes("first-token"));
  if (operation !== "chat" && operation !== "complete")
    return [{ path, reason: `only answers that stream have a first token, not those of ${operation}` }];
  if (!leads) return [{ path, reason: "there is no second step that first-token leads to" }];
  if (hedge.afterMs < delayBudgetMs) return [];
  return [{ path: [...path, "afterMs"], reason: `is not less than delayBudgetMs (${delayBudgetMs})` }];
}

function plain({ inputPerMillion, outputPerMillion, ...rest }: NonNullable<RouteFile["priceCeiling"]>): Price {
  return { inputPerMillion, outputPerMillion, ...defined(rest) };
}
