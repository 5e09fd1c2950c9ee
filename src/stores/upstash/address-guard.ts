import { Ratelimit } from "@upstash/ratelimit";
import type { AddressGuard, Clock } from "../../core/ports.ts";
import { GUARD_PREFIX } from "./keys.ts";
import type { Link } from "./link.ts";

export interface AddressGuardOptions {
  readonly perMinute: number;
  /** After which an address is let through unseen. */
  readonly timeoutMs: number;
  readonly clock?: Clock;
}

/** Longer than any IPv6 address with a zone: what is longer is not one, and shares a window with its like. */
const ADDRESS_LENGTH = 64;

/**
 * A sliding window of unknown credentials an address. Fails open (it guards look-ups, not money): without Redis, past its
 * timeout and on any error it allows.
 */
export class UpstashAddressGuard implements AddressGuard {
  readonly #link: Link;
  readonly #limiter: Ratelimit;
  readonly #clock: Clock;

  constructor(link: Link, options: AddressGuardOptions) {
    this.#link = link;
    this.#clock = options.clock ?? Date;
    this.#limiter = new Ratelimit({
      redis: link.redis,
      limiter: Ratelimit.slidingWindow(options.perMinute, "60 s"),
      prefix: GUARD_PREFIX,
      timeout: options.timeoutMs,
      analytics: false,
      // It would refuse an address for as long as the isolate remembers it, whatever the window says.
      ephemeralCache: false,
    });
  }

  async allow(address: string): Promise<{ readonly allowed: boolean; readonly retryAfterMs: number }> {
    if (this.#link.resting) return { allowed: true, retryAfterMs: 0 };
    try {
      const { success, reset } = await this.#limiter.limit(address.slice(0, ADDRESS_LENGTH));
      return { allowed: success, retryAfterMs: success ? 0 : Math.max(0, reset - this.#clock.now()) };
    } catch {
      return { allowed: true, retryAfterMs: 0 };
    }
  }
}
