import { type BreakerState, CLOSED_BREAKER } from "../../core/breaker.ts";
import { readBreakers } from "./breakers.ts";
import type { Link } from "./link.ts";

/** The breakers of these names by their names; undefined where the store is away. */
export async function namedBreakers(
  link: Link,
  names: readonly string[],
): Promise<ReadonlyMap<string, BreakerState> | undefined> {
  const states = await readBreakers(link, names);
  return states && new Map(names.map((name, index) => [name, states[index] ?? CLOSED_BREAKER]));
}
