import type { Backend } from "../core/config.ts";
import type { Admitted } from "../core/exchange.ts";
import type { Json } from "../core/json.ts";
import type { Quirk } from "../core/wire.ts";
import type { Gateway } from "./gateway.ts";

type Members = Readonly<Record<string, Json>>;

/**
 * What the gateway itself says to a backend. vLLM: a salt that keeps each tenant's prefix cache apart, so that nobody can tell by timing what
 * another has asked; and, where the backend schedules by it, the tier's priority. A promise only for a tenant's first request in an isolate.
 */
export function ownMembersOf(
  backend: Backend,
  exchange: Admitted,
  gateway: Pick<Gateway, "cacheSalt">,
): Members | Promise<Members> | undefined {
  if (!GENERATING.has(exchange.draft.operation) || !quirksOf(backend).has("vllm")) return undefined;
  const { principal, config } = exchange;
  const tier = config.tiers[principal.tier] ?? config.tiers[config.defaultTier];
  const priority = backend.priorityScheduling ? tier?.vllmPriority : undefined;
  const members = (salt: string): Members => ({ cache_salt: salt, ...(priority && { priority }) });
  const salt = gateway.cacheSalt(principal.tenant);
  return typeof salt === "string" ? members(salt) : salt.then(members);
}

/** Operations whose prompts vLLM keeps in its prefix cache and queues by priority: where it documents the two fields. */
const GENERATING: ReadonlySet<string> = new Set(["chat", "complete"]);

/** A set for each backend's list, made once: a backend is the same object as long as its config is. */
const known = new WeakMap<Backend, ReadonlySet<Quirk>>();

export function quirksOf(backend: Backend): ReadonlySet<Quirk> {
  let quirks = known.get(backend);
  if (!quirks) {
    quirks = new Set(backend.quirks);
    known.set(backend, quirks);
  }
  return quirks;
}
