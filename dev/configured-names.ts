import type { Backend, BaseConfig, Target } from "../src/core/config.ts";
import type { Operation } from "../src/core/draft.ts";
import type { Externals } from "./worker-env.ts";

/** Which models of the simulated backends stand in for the configured ones. Their names say that they are simulated. */
const STAND_INS = {
  home: "simulated-small",
  cloud: "simulated-large",
  embed: "simulated-embed",
  rerank: "simulated-rerank",
} as const;

/**
 * Values for the variables through which the configuration names models, where the backend is a simulated one: `VLLM_MODEL` and the like.
 */
export function simulatedModelNames(config: BaseConfig, externals: Externals): Readonly<Record<string, string>> {
  const names: Record<string, string> = {};
  for (const { operation, targets, fallbacks } of Object.values(config.routes)) {
    for (const target of [...targets, ...fallbacks]) {
      const backend = config.backends[target.backend];
      const name = backend && standIn(backend, target, operation, externals);
      if (name !== undefined && "env" in target.model) names[target.model.env] ??= name;
    }
  }
  return names;
}

function standIn(backend: Backend, target: Target, operation: Operation, externals: Externals): string | undefined {
  const place = simulatedBy(backend, externals);
  if (place === undefined || !("env" in target.model)) return undefined;
  // A configuration made for the simulated backend names its model already.
  if (target.model.default.startsWith("simulated-")) return undefined;
  return STAND_INS[operation === "embed" || operation === "rerank" ? operation : place];
}

/** Names that the configuration's routes fix for models of simulated backends: these answer under them as well, so that every alias answers. */
export function fixedModelNames(
  config: BaseConfig,
  externals: Externals,
): Readonly<Record<"home" | "cloud", readonly string[]>> {
  const names = { home: new Set<string>(), cloud: new Set<string>() };
  for (const { targets, fallbacks } of Object.values(config.routes)) {
    for (const { backend: name, model } of [...targets, ...fallbacks]) {
      const backend = config.backends[name];
      const place = backend && simulatedBy(backend, externals);
      if (place !== undefined && !("env" in model)) names[place].add(model.name);
    }
  }
  return { home: [...names.home], cloud: [...names.cloud] };
}

/** Which simulated backend stands in for this one; undefined where it is real. */
export function simulatedBy({ baseUrl }: Backend, externals: Externals): "home" | "cloud" | undefined {
  switch ("env" in baseUrl ? baseUrl.env : undefined) {
    case "VLLM_BASE_URL":
      return externals.vllm ? undefined : "home";
    case "OPENAI_BASE_URL":
      return externals.openai ? undefined : "cloud";
    case "ANTHROPIC_BASE_URL":
      return externals.anthropic ? undefined : "cloud";
    default:
      return undefined;
  }
}

/** Every environment variable that a configuration refers to by name. */
export function configuredNames(config: BaseConfig): readonly string[] {
  const ofBackends = Object.values(config.backends).flatMap(({ baseUrl, auth, headers }) => [
    ...("env" in baseUrl ? [baseUrl.env] : []),
    ...(auth.secret === undefined ? [] : [auth.secret]),
    ...Object.values(headers).flatMap((header) => ("secret" in header ? [header.secret] : [])),
  ]);
  const ofModels = Object.values(config.routes)
    .flatMap(({ targets, fallbacks }) => [...targets, ...fallbacks])
    .flatMap(({ model }) => ("env" in model ? [model.env] : []));
  return [...new Set([...ofBackends, ...ofModels])];
}
