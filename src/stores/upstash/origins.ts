import type { Link } from "./link.ts";

const ORIGINS = "cors:origins";
/** Stands in the set from the moment that it was filled, so that a flushed Redis is told apart from "nobody names an origin". */
const FILLED = "filled";
/** A tenant's word for every origin. No browser sends it. */
const ANY = "*";

/** Web origins that any tenant names: a set in Redis, filled from Postgres where Redis has lost it. Fails closed. */
export class UpstashOrigins {
  readonly #link: Link;
  readonly #source: () => Promise<readonly string[] | undefined>;

  constructor(link: Link, source: () => Promise<readonly string[] | undefined>) {
    this.#link = link;
    this.#source = source;
  }

  async isNamed(origin: string): Promise<boolean> {
    // "null", and whatever else is no origin of a page.
    if (!origin.includes("://")) return false;
    const answer = await this.#link.run([["SMISMEMBER", ORIGINS, FILLED, ANY, origin]]);
    const flags = answer.ok ? answer.replies[0]?.result : undefined;
    if (!Array.isArray(flags)) return false;
    const [filled, ...found] = flags;
    if (filled === 1) return found.includes(1);
    const named = await this.#source();
    if (named === undefined) return false;
    await this.add(named);
    return named.includes(origin) || named.includes(ANY);
  }

  async add(origins: readonly string[]): Promise<void> {
    await this.#link.run([["SADD", ORIGINS, FILLED, ...origins]]);
  }
}
