import type { Admitted } from "../core/exchange.ts";

/** Ends early where the client leaves. */
export function pause(delayMs: number, { alarm, departure }: Admitted): Promise<void> {
  return new Promise((resolve) => {
    alarm.after(delayMs, resolve);
    // Resolving twice is harmless.
    departure.onGone(resolve);
  });
}
