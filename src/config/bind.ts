import type { BaseConfig, Target } from "../core/config.ts";
import type { Environment } from "./environment.ts";
import { canonicalJson, fingerprint } from "./fingerprint.ts";

/**
 * The base with the environment's model names in place of variables. Its version also names the models and hosts that the environment
 * chose: pointing a variable at another model or machine must not serve the answers that the former one left in the cache.
 */
export function bindEnvironment(
  base: BaseConfig,
  environment: Pick<Environment, "backends" | "modelNames">,
): BaseConfig {
  const bind = (target: Target): Target => {
    if ("name" in target.model) return target;
    return { ...target, model: { name: environment.modelNames.get(target.model.env) ?? target.model.default } };
  };
  const routes = Object.fromEntries(
    Object.entries(base.routes).map(([alias, route]) => [
      alias,
      { ...route, targets: route.targets.map(bind), fallbacks: route.fallbacks.map(bind) },
    ]),
  );
  const chosen = {
    base: base.version,
    hosts: [...environment.backends].map(([name, access]) => [name, access.baseUrl]),
    models: Object.fromEntries(environment.modelNames),
  };
  return { ...base, version: fingerprint(canonicalJson(chosen)), routes };
}
