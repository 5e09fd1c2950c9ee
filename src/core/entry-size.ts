/** What a value that a settlement writes beside its counters may have at most, cached or kept: Upstash bills and bounds requests by their size. */
export const ENTRY_MAX_BYTES = 262_144;

/** Whether a value is small enough, as UTF-8. A UTF-16 unit takes at most three bytes: most values need no counting. */
export function fitsEntry(value: string): boolean {
  if (value.length * 3 <= ENTRY_MAX_BYTES) return true;
  return value.length <= ENTRY_MAX_BYTES && new TextEncoder().encode(value).length <= ENTRY_MAX_BYTES;
}
