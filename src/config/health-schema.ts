import { z } from "zod";
import { milliseconds, share } from "./schema-numbers.ts";

/** Whether a vLLM is asked how it is, and when it counts as full. */
export const health = z.strictObject({
  everyMs: milliseconds
    .min(1_000, { error: "must be at least a second (1000 ms)" })
    .max(600_000, { error: "must be at most ten minutes (600000 ms)" })
    .optional(),
  maxWaiting: z
    .int({ error: "must be a whole number" })
    .min(0, { error: "must not be negative" })
    .max(100_000, { error: "must be at most 100000" })
    .optional(),
  maxKvCache: share.optional(),
  limitSeats: z.boolean().optional(),
});
