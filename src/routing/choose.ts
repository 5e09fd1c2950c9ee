import { type Config, nameOfTarget, type Route, type Target } from "../core/config.ts";
import { ceilingNanoUsd } from "../core/money.ts";
import type { Choice, ChoiceReason, RouteDecision, RouteRule } from "../core/route-rules.ts";
import { scatter } from "../lib/scatter.ts";
import { drawByWeight } from "./draw.ts";
import { standingTargets } from "./plan.ts";

/** What a choice may go by. */
export interface ChoiceInput {
  readonly config: Config;
  readonly availableBackends: ReadonlySet<string>;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Who a choice by hash sticks to. Undefined: nobody is named, and the choice is by weight. */
  readonly subject: (of: "session" | "user" | "key" | "tenant") => string | undefined;
  /** Recent time to the first token. */
  readonly firstTokenMs: (target: Target) => number | undefined;
  /** Whether it would be asked now: one that is not would answer no request that it is drawn for. All are where it is absent. */
  readonly mayBeAsked?: (target: Target) => boolean;
  readonly inputTokens: number;
  /** In place of the targets that the rule names. */
  readonly use?: readonly string[] | undefined;
}

export interface Chosen {
  /** With the targets that the rule lets stand. */
  readonly route: Route;
  /** Undefined where the route has no other target, or none that stands. */
  readonly drawn: Target | undefined;
  readonly decision: RouteDecision;
  /** The targets that were told apart by how quick they are; absent where the choice was by something else. */
  readonly compared?: { readonly targets: readonly Target[]; readonly choice: Choice };
}

const WEIGHT: Choice = { by: "weight" };

/**
 * The target that a request is for, among those that rule, configuration and environment let stand; by speed and price of those that may be asked now, otherwise whatever their health. Made before the cache is
 * read, since an answer of one arm must not be given to a request of another. Pure but for `random`, drawn once at most.
 */
export function choose(route: Route, rule: RouteRule | undefined, input: ChoiceInput): Chosen {
  const use = input.use ?? rule?.use;
  const narrowed = use ? narrowedTo(route, use) : route;
  const choice = rule?.choose ?? route.choose ?? WEIGHT;
  const named = rule && { rule: rule.name };
  if (narrowed.targets.length < 2) {
    // One of several it is still, and the cache has to tell it from the others.
    const drawn = narrowed === route ? undefined : narrowed.targets[0];
    return { route: narrowed, drawn, decision: { ...named, by: "only-target" } };
  }
  const standing = standingTargets(narrowed, input);
  const [first] = standing;
  const { target, by }: Picked =
    standing.length < 2 ? { target: first, by: "only-target" } : pick(standing, choice, narrowed, input);
  return {
    route: narrowed,
    drawn: target,
    decision: { ...named, by, ...(target && armOf(choice, target)) },
    ...(standing.length > 1 && measures(choice) && { compared: { targets: standing, choice } }),
  };
}

/** Whether the choice goes by recent times to the first token. */
export function measures(choice: Choice): boolean {
  return choice.by === "speed" || (choice.by === "price" && choice.firstTokenMs !== undefined);
}

/** For the record, where the choice is an experiment. */
export function armOf({ experiment }: Choice, target: Target): Pick<RouteDecision, "experiment" | "arm"> {
  return experiment === undefined ? {} : { experiment, arm: nameOfTarget(target) };
}

interface Picked {
  readonly target: Target | undefined;
  readonly by: ChoiceReason;
}

/** One of several, and by what. */
export function pick(
  standing: readonly Target[],
  choice: Choice,
  route: Route,
  input: Pick<ChoiceInput, "random" | "subject" | "firstTokenMs" | "mayBeAsked" | "inputTokens">,
): Picked {
  switch (choice.by) {
    case "weight":
      return { target: drawByWeight(standing, input.random), by: "weight" };
    case "hash": {
      const subject = input.subject(choice.of);
      if (subject === undefined) return { target: drawByWeight(standing, input.random), by: "weight" };
      return { target: byHash(standing, `${choice.experiment ?? route.alias}|${subject}`), by: "hash" };
    }
    case "price": {
      const { firstTokenMs: most = Number.POSITIVE_INFINITY } = choice;
      const fit = askable(standing, input);
      const quick = fit.filter((target) => (input.firstTokenMs(target) ?? 0) <= most);
      if (quick.length === 0) return { target: fastest(fit, input), by: "speed" };
      return {
        target: least(quick, ({ price }) => ceilingNanoUsd(price, input.inputTokens, route.maxOutputTokens)),
        by: "price",
      };
    }
    case "speed":
      return { target: fastest(askable(standing, input), input), by: "speed" };
  }
}

/** Nobody would find out how quick another is; where none may be asked, the first is as good as any. */
function askable(targets: readonly Target[], { mayBeAsked }: Pick<ChoiceInput, "mayBeAsked">): readonly Target[] {
  const fit = mayBeAsked ? targets.filter(mayBeAsked) : targets;
  return fit.length > 0 ? fit : targets;
}

function fastest(targets: readonly Target[], { firstTokenMs }: Pick<ChoiceInput, "firstTokenMs">): Target | undefined {
  return least(targets, (target) => firstTokenMs(target) ?? -1);
}

/** The first of those with the least. */
function least(targets: readonly Target[], measure: (target: Target) => number): Target | undefined {
  let best: { readonly target: Target; readonly value: number } | undefined;
  for (const target of targets) {
    const value = measure(target);
    if (!best || value < best.value) best = { target, value };
  }
  return best?.target;
}

/**
 * Weighted rendezvous hashing (Thaler and Ravishankar 1998, in its logarithmic form): shares follow the weights, and when a target comes or goes only
 * those move that it had or gets.
 */
function byHash(targets: readonly Target[], subject: string): Target | undefined {
  return least(targets, (target) => -Math.log(scatter(`${subject}|${nameOfTarget(target)}`)) / target.weight);
}

/** Routes are the same objects as long as their config is. By the names that are let stand. */
const narrowedRoutes = new WeakMap<Route, Map<string, Route>>();

/** The route with these targets alone, in their order. One that has no weight otherwise counts as 1. */
function narrowedTo(route: Route, use: readonly string[]): Route {
  return variantOf(route, use.join(), () => ({
    ...route,
    targets: use
      .flatMap((name) => route.targets.filter((target) => target.name === name))
      .map((target) => ({ ...target, weight: target.weight || 1 })),
  }));
}

/** The route with these targets beside its own. */
export function widenedBy(route: Route, use: readonly string[]): Route {
  return variantOf(route, `+${use.join()}`, () => ({
    ...route,
    targets: route.targets.map((target) =>
      target.weight === 0 && target.name !== undefined && use.includes(target.name) ? { ...target, weight: 1 } : target,
    ),
  }));
}

function variantOf(route: Route, key: string, make: () => Route): Route {
  const known = narrowedRoutes.get(route) ?? new Map<string, Route>();
  narrowedRoutes.set(route, known);
  const variant = known.get(key) ?? make();
  known.set(key, variant);
  return variant;
}
