import { Ratelimit, type RatelimitConfig } from "@upstash/ratelimit";
import type { Redis } from "@upstash/redis";
import type { AddressGuard, Clock } from "../../core/ports.ts";
import { GUARD_PREFIX } from "./keys.ts";
import type { Command, Link } from "./link.ts";

export interface AddressGuardOptions {
  readonly perMinute: number;
  /** After which an address is let through unseen. */
  readonly timeoutMs: number;
  readonly clock?: Clock;
}

/**
 * A sliding window of unknown credentials an address. Fails open (it guards look-ups, not money): without Redis, past its
 * timeout and on any error it allows.
 */
export class UpstashAddressGuard implements AddressGuard {
  readonly #limiter: Ratelimit;
  readonly #clock: Clock;

  constructor(link: Link, options: AddressGuardOptions) {
    this.#clock = options.clock ?? Date;
    this.#limiter = new Ratelimit({
      redis: redisFor(link),
      limiter: Ratelimit.slidingWindow(options.perMinute, "60 s"),
      prefix: GUARD_PREFIX,
      timeout: options.timeoutMs,
      analytics: false,
      // It would refuse an address for as long as the isolate remembers it, whatever the window says.
      ephemeralCache: false,
    });
  }

  async allow(address: string): Promise<{ readonly allowed: boolean; readonly retryAfterMs: number }> {
    try {
      const { success, reset } = await this.#limiter.limit(address);
      return { allowed: success, retryAfterMs: success ? 0 : Math.max(0, reset - this.#clock.now()) };
    } catch {
      return { allowed: true, retryAfterMs: 0 };
    }
  }
}

/** What the limiter needs of a client, over the link: so its deadline and its breaker hold here too. */
function redisFor(link: Link): RatelimitConfig["redis"] & Pick<Redis, "eval"> {
  async function run<Result>(command: Command): Promise<Result> {
    const answer = await link.run([command]);
    if (!answer.ok) throw new Error(`redis: ${answer.detail}`);
    const [reply] = answer.replies;
    if (reply?.error !== undefined) throw new Error(reply.error);
    return reply?.result as Result;
  }
  const script = (name: string, text: string, keys: string[], args: readonly unknown[]): Command => [
    name,
    text,
    String(keys.length),
    ...keys,
    ...args.map(String),
  ];
  return {
    evalsha: (sha, keys, args) => run(script("EVALSHA", sha, keys, args)),
    // Called where EVALSHA was answered NOSCRIPT; missing in the limiter's own type.
    eval: (source, keys, args) => run(script("EVAL", source, keys, args)),
    get: (key) => run(["GET", key]),
    set: () => Promise.reject(new Error("the address guard sets no dynamic limit")),
  };
}
