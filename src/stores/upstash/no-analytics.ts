/**
 * Stands in for @upstash/core-analytics in the bundle (`alias` in wrangler.toml): the rate limiter imports it, and the address guard, its one use
 * here, runs without analytics.
 */
export class Analytics {
  constructor() {
    throw new Error("analytics of the rate limiter are left out of this bundle");
  }
}
