import { addressBlock } from "../../lib/address.ts";

/** Addresses (of IPv6: /64 blocks) that the guard refused, remembered by this isolate until their window is over: refusing them again costs no I/O. */
export function strangerList(capacity: number) {
  const blockedUntil = new Map<string, number>();
  return {
    /** Milliseconds until the address may try again; 0 where it may. */
    blockedMs(address: string, now: number): number {
      const block = addressBlock(address);
      const until = blockedUntil.get(block) ?? 0;
      if (until <= now) blockedUntil.delete(block);
      return Math.max(0, until - now);
    },
    block(address: string, untilMs: number): void {
      blockedUntil.set(addressBlock(address), untilMs);
      if (blockedUntil.size <= capacity) return;
      const [oldest] = blockedUntil.keys();
      if (oldest !== undefined) blockedUntil.delete(oldest);
    },
  };
}
