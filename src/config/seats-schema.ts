import { z } from "zod";
import { count, LONGEST_MS, milliseconds, share } from "./schema-numbers.ts";

const none = z.int({ error: "must be a whole number" }).min(0, { error: "must not be negative" });

/** A wait that may be none. */
const waitMs = none.max(LONGEST_MS, { error: "must be at most a day (86400000 ms)" });

/** Seats on a machine that serves only so many at a time, and the queue before them. */
export const seats = z.strictObject({
  count: count.max(4_096, { error: "must be at most 4096" }),
  queue: none.max(2_000, { error: "must be at most 2000" }).optional(),
  maxWaitMs: waitMs.optional(),
  spill: z.strictObject({ afterMs: waitMs.optional(), tiers: z.array(z.string()).optional() }).optional(),
  lowerShare: share.max(0.5, { error: "must be at most 0.5" }).optional(),
  tellFromMs: waitMs.optional(),
  coldAfterMs: milliseconds.optional(),
});
