import { z } from "zod";

const LONGEST_MS = 24 * 60 * 60 * 1000;

export const count = z
  .int({ error: "must be a whole number" })
  .positive({ error: "must be larger than 0" })
  .max(Number.MAX_SAFE_INTEGER);
/** None is longer than a day. */
export const milliseconds = count.max(LONGEST_MS, { error: "must be at most a day (86400000 ms)" });
