/** Lets each name through once in `everyMs`. Holds a moment per name for as long as it lives: for names of the configuration, not of callers. */
export function seldom(everyMs: number, now: () => number): (name: string) => boolean {
  const lastAt = new Map<string, number>();
  return (name) => {
    const at = now();
    if (at - (lastAt.get(name) ?? Number.NEGATIVE_INFINITY) < everyMs) return false;
    lastAt.set(name, at);
    return true;
  };
}
