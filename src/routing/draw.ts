import type { Target } from "../core/config.ts";

/** One of the targets, each as often as its weight says. */
export function drawByWeight(targets: readonly Target[], random: () => number): Target | undefined {
  return draw(
    targets.map((target) => ({ target })),
    random,
  )?.target;
}

/** The same of what holds a target. Drawn only where there is a choice. */
export function draw<Drawn extends { readonly target: Target }>(
  targets: readonly Drawn[],
  random: () => number,
): Drawn | undefined {
  if (targets.length < 2) return targets[0];
  const total = targets.reduce((sum, { target }) => sum + target.weight, 0);
  let point = random() * total;
  for (const candidate of targets) {
    point -= candidate.target.weight;
    if (point < 0) return candidate;
  }
  // Only the rounding of binary fractions leads here.
  return targets.at(-1);
}
