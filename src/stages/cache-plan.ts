import { modelNameOf, type Route, type Target } from "../core/config.ts";
import { isGenerative } from "../core/draft.ts";
import type { CachePlan, Continued, Resolved } from "../core/exchange.ts";
import { cacheKeyOf } from "./cache-key.ts";
import type { Gateway } from "./gateway.ts";

/** What of a request's route its place in the cache goes by. `arm`: the target whose answers may be given, where the route has a choice. */
type Scope = Pick<Resolved, "config" | "route" | "maxOutputTokens"> & { readonly arm: Target | undefined };

/** Under what the answer of `arm` stands. */
export function cacheKeyFor(
  { draft, body, principal, controls, wire }: Pick<Continued, "draft" | "body" | "principal" | "controls" | "wire">,
  { config, route, maxOutputTokens, arm }: Scope,
  { policies }: Pick<Gateway, "policies">,
): Promise<string> {
  return cacheKeyOf(draft, body, {
    tenant: principal.tenant,
    namespace: controls.cacheNamespace ?? "",
    alias: route.alias,
    ...(arm && { arm: [arm.backend, modelNameOf(arm)] as const }),
    versions: [config.version, config.overlayMeaning ?? "", ...policies.map((policy) => policy.name)],
    maxOutputTokens,
    wire: wire.name,
  });
}

/** Reads and writes follow the caller's header, then the route, then whether the request asks for determinism. */
export function planCache(
  exchange: Continued,
  scope: Scope & Pick<Resolved, "degraded">,
  gateway: Gateway,
): CachePlan | Promise<CachePlan> {
  const { controls, notes } = exchange;
  const { route, degraded } = scope;
  const ttlSeconds = controls.cacheTtlSeconds ?? route.cache.ttlSeconds;
  const { wanted, reason } = ttlSeconds > 0 ? cacheWish(exchange, route) : { wanted: false, reason: "ttl" };
  // An answer from before is better than none, unless somebody said that there be none.
  const isLast = degraded?.level === "emergency" && (wanted || reason === "not_deterministic");
  const isFresh = controls.cache === "refresh" && !isLast;
  const decision = wanted ? (isFresh ? "cache_refresh" : "cache") : isLast ? "cache_read_only" : "no_cache";
  notes.decisions.push({ step: "resolve", decision, reason });
  if (!wanted && !isLast) return { read: false, ttlSeconds };
  return cacheKeyFor(exchange, scope, gateway).then((key) => ({
    key,
    read: !isFresh,
    ttlSeconds,
    ...(!wanted && { readOnly: true as const }),
  }));
}

/** Whether the cache takes part, and who says so: the route, the caller's header, or the request by what it asks for. */
function cacheWish({ controls, draft }: Continued, { cache }: Route): { wanted: boolean; reason: string } {
  if (cache.mode === "off") return { wanted: false, reason: "route" };
  if (controls.cache !== undefined) return { wanted: controls.cache !== "off", reason: "header" };
  if (cache.mode === "on") return { wanted: true, reason: "route" };
  const deterministic = !isGenerative(draft) || draft.temperature === 0 || draft.seed !== undefined;
  return { wanted: deterministic, reason: deterministic ? "deterministic" : "not_deterministic" };
}
