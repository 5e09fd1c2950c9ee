import { mergeLimits } from "../config/resolve.ts";
import type { Config } from "../core/config.ts";
import type { LimitLevel } from "../core/failure.ts";
import type { Principal } from "../core/identity.ts";
import type { LevelCharge } from "../core/ports.ts";

const LEVELS: readonly LimitLevel[] = ["key", "user", "model", "tenant"];

/** What was worked out for a principal, under which config. A principal or config that changes is another object. */
const knownLevels = new WeakMap<
  Principal,
  { readonly config: Config; readonly byAlias: Map<string, readonly LevelCharge[]> }
>();

/** As `workOut`, once for each principal, config and alias: nothing in it depends on the request. */
export function levelsOf(principal: Principal, config: Config, alias: string): readonly LevelCharge[] {
  let known = knownLevels.get(principal);
  if (known?.config !== config) {
    known = { config, byAlias: new Map() };
    knownLevels.set(principal, known);
  }
  const levels = known.byAlias.get(alias) ?? workOut(principal, config, alias);
  known.byAlias.set(alias, levels);
  return levels;
}

/** The levels at which this request is limited: the tier's limits, the key's own over them, unit by unit. Levels without any limit are left out. */
function workOut(principal: Principal, config: Config, alias: string): readonly LevelCharge[] {
  const tier = config.tiers[principal.tier] ?? config.tiers[config.defaultTier];
  const merged = mergeLimits(tier?.limits ?? {}, principal.limits);
  const levels: LevelCharge[] = [];
  for (const level of LEVELS) {
    const subject = subjectOf(level, principal, alias);
    if (subject === undefined) continue;
    const limits = merged[level];
    if (limits && (limits.requestsPerMinute ?? limits.tokensPerMinute ?? limits.concurrency ?? limits.budget)) {
      levels.push({ level, subject, limits });
    }
  }
  return levels;
}

export function hasBudget(levels: readonly LevelCharge[]): boolean {
  return levels.some(({ limits }) => limits.budget !== undefined);
}

function subjectOf(level: LimitLevel, principal: Principal, alias: string): string | undefined {
  switch (level) {
    case "key":
      return principal.keyId;
    case "user":
      return principal.user;
    case "model":
      return alias;
    case "tenant":
      return principal.tenant;
  }
}
