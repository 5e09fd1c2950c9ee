import { z } from "zod";

export const LONGEST_MS = 24 * 60 * 60 * 1000;

export const count = z
  .int({ error: "must be a whole number" })
  .positive({ error: "must be larger than 0" })
  .max(Number.MAX_SAFE_INTEGER);
/** None is longer than a day. */
export const milliseconds = count.max(LONGEST_MS, { error: "must be at most a day (86400000 ms)" });

export const share = z
  .number({ error: "must be a number" })
  .min(0, { error: "must be between 0 and 1" })
  .max(1, { error: "must be between 0 and 1" });
