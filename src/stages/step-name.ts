import { modelNameOf, type Route, type Target } from "../core/config.ts";

/** How decisions name a step: by its backend, and by the model too where the route asks that backend for more than one. */
export function stepName({ targets, fallbacks }: Pick<Route, "targets" | "fallbacks">, backend: string, model: string) {
  const isOther = (target: Target): boolean => target.backend === backend && modelNameOf(target) !== model;
  return targets.some(isOther) || fallbacks.some(isOther) ? `${backend}/${model}` : backend;
}
