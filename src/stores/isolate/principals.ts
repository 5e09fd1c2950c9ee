import type { Principal } from "../../core/identity.ts";

/**
 * Principals by their whole token (never a prefix of it), at most `capacity`; the one that was set longest ago goes first.
 * What is here has had its secret checked.
 */
export function principalCache(capacity: number) {
  const entries = new Map<string, Principal>();
  return {
    get: (token: string): Principal | undefined => entries.get(token),
    set(token: string, principal: Principal): void {
      entries.delete(token);
      entries.set(token, principal);
      if (entries.size <= capacity) return;
      const [oldest] = entries.keys();
      if (oldest !== undefined) entries.delete(oldest);
    },
    delete(token: string): void {
      entries.delete(token);
    },
  };
}
