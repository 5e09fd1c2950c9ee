import { hmacBase64Url, hmacKey } from "../../lib/hash.ts";

/** More tenants than one isolate is likely to see in its life; beyond that it forgets all and begins anew. */
const SALTS_KEPT = 10_000;

/**
 * HMAC-SHA-256 of each tenant under `secret`, computed once. No key and no end user's hash is made of a text with these words before the name, so a
 * salt tells nothing of either. Another pepper gives other salts: prefix caches begin anew, nothing else.
 */
export function tenantSalts(secret: string): (tenant: string) => string | Promise<string> {
  const known = new Map<string, string>();
  return (tenant) => {
    const salt = known.get(tenant);
    if (salt !== undefined) return salt;
    return hmacKey(secret)
      .then((key) => hmacBase64Url(key, `prefix cache of the tenant ${tenant}`))
      .then((made) => {
        if (known.size >= SALTS_KEPT) known.clear();
        known.set(tenant, made);
        return made;
      });
  };
}
