import type { BaseConfig } from "../core/config.ts";
import type { Environment } from "./environment.ts";

/** What the environment leaves out of a configuration. For operators: it names variables. */
export interface LeftOut {
  /** Each backend with the variables that it lacks. */
  readonly backends: ReadonlyMap<string, readonly string[]>;
  /** Routes whose every target and fallback is among them. */
  readonly routes: readonly string[];
  /** Whether that is every route. */
  readonly servesNothing: boolean;
  /** The same in a line each; none where nothing is left out. */
  readonly lines: readonly string[];
}

export function leftOut(
  base: Pick<BaseConfig, "routes">,
  { availableBackends, absentBackends }: Pick<Environment, "availableBackends" | "absentBackends">,
): LeftOut {
  const all = Object.values(base.routes);
  const routes = all.flatMap(({ alias, targets, fallbacks }) =>
    [...targets, ...fallbacks].some(({ backend }) => availableBackends.has(backend)) ? [] : [alias],
  );
  const lines = [
    ...[...absentBackends].map(([name, lacking]) => `the backend ${name} is left out: ${lacking.join(", ")} not set`),
    ...routes.map((alias) => `the route ${alias} has no backend`),
  ];
  return { backends: absentBackends, routes, servesNothing: routes.length === all.length, lines };
}
