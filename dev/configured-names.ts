import type { Backend, BaseConfig, Target } from "../src/core/config.ts";
import type { Operation } from "../src/core/draft.ts";
import type { Externals } from "./worker-env.ts";

/** Which models of the simulated backends stand in for the configured ones. Their names say that they are simulated. */
const STAND_INS = { home: "simulated-small", cloud: "simulated-large", embed: "simulated-embed" } as const;

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
  if (!("env" in backend.baseUrl) || !("env" in target.model)) return undefined;
  const isHome = backend.baseUrl.env === "VLLM_BASE_URL";
  const isReal = isHome
    ? externals.vllm
    : backend.baseUrl.env === "OPENAI_BASE_URL"
      ? externals.openai
      : externals.anthropic;
  // A configuration made for the simulated backend names its model already.
  if (isReal || target.model.default.startsWith("simulated-")) return undefined;
  if (operation === "embed") return STAND_INS.embed;
  return isHome ? STAND_INS.home : STAND_INS.cloud;
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
