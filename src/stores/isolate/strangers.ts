/** Addresses that the guard refused, remembered by this isolate until their window is over: refusing them again costs no I/O. */
export function strangerList(capacity: number) {
  const blockedUntil = new Map<string, number>();
  return {
    /** Milliseconds until the address may try again; 0 where it may. */
    blockedMs(address: string, now: number): number {
      const until = blockedUntil.get(address) ?? 0;
      if (until <= now) blockedUntil.delete(address);
      return Math.max(0, until - now);
    },
    block(address: string, untilMs: number): void {
      blockedUntil.set(address, untilMs);
      if (blockedUntil.size <= capacity) return;
      const [oldest] = blockedUntil.keys();
      if (oldest !== undefined) blockedUntil.delete(oldest);
    },
  };
}
