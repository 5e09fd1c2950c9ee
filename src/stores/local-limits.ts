/** Keys that are remembered at most; the one that was used longest ago goes first. */
const MOST_KEYS = 10_000;
const MINUTE_MS = 60_000;

interface Bucket {
  /** Requests that are left. */
  left: number;
  /** When that was true, milliseconds since the epoch. */
  at: number;
}

/**
 * What one isolate grants on its own while Redis is away: a token bucket of requests a key, at a share of its limit, because
 * other isolates grant theirs at the same time. Keys without a request limit stay unlimited. In memory and bounded.
 */
export class ShareLimits {
  readonly #share: number;
  readonly #buckets = new Map<string, Bucket>();

  /** `share`: 0 to 1. A key may always have one request a minute, so that a small share is not an outage. */
  constructor(share: number) {
    this.#share = share;
  }

  /** Takes one request. `now` in milliseconds since the epoch; `retryAfterMs` is 0 where it is allowed. */
  take(keyId: string, requestsPerMinute: number | undefined, now: number): { allowed: boolean; retryAfterMs: number } {
    if (requestsPerMinute === undefined) return { allowed: true, retryAfterMs: 0 };
    if (requestsPerMinute <= 0) return { allowed: false, retryAfterMs: MINUTE_MS };
    const capacity = Math.max(1, Math.floor(requestsPerMinute * this.#share));
    const bucket = this.#touch(keyId) ?? { left: capacity, at: now };
    const refilled = bucket.left + (Math.max(0, now - bucket.at) * capacity) / MINUTE_MS;
    const left = Math.min(capacity, refilled);
    const allowed = left >= 1;
    this.#buckets.set(keyId, { left: allowed ? left - 1 : left, at: now });
    this.#forgetOldest();
    return { allowed, retryAfterMs: allowed ? 0 : Math.ceil(((1 - left) * MINUTE_MS) / capacity) };
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Takes it out, so that setting it again makes it the newest of the map's order. */
  #touch(keyId: string): Bucket | undefined {
    const bucket = this.#buckets.get(keyId);
    if (bucket) this.#buckets.delete(keyId);
    return bucket;
  }

  #forgetOldest(): void {
    const oldest = this.#buckets.keys().next().value;
    if (this.#buckets.size > MOST_KEYS && oldest !== undefined) this.#buckets.delete(oldest);
  }
}
