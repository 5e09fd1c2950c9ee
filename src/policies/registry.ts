import type { Policy } from "../core/policy.ts";
import { ownKeys } from "./own-keys.ts";

/** All policies, in the order in which they look at a request. */
export const policies: readonly Policy[] = [ownKeys];
