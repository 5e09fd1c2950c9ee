import { z } from "zod";
import { count, milliseconds } from "./schema-numbers.ts";

/** What a file may say of a backend's breakers (`BreakerConfig`). */
export const breaker = z.strictObject({
  failures: count.optional(),
  errorRate: z
    .strictObject({
      share: z
        .number({ error: "must be a number" })
        .gt(0, { error: "must be more than 0" })
        .max(1, { error: "must be at most 1" })
        .optional(),
      windowMs: milliseconds.optional(),
      minimum: count.optional(),
    })
    .optional(),
  probes: count.optional(),
  openMs: milliseconds.optional(),
  maxOpenMs: milliseconds.optional(),
});
