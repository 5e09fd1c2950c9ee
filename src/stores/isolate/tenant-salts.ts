import { hmacBase64Url } from "../../lib/hash.ts";

/** More tenants than one isolate is likely to see in its life; beyond that it forgets all and begins anew. */
const SALTS_KEPT = 10_000;

/**
 * HMAC-SHA-256 of each tenant under the secret of `keyOf`, computed once. No key and no end user's hash is made of a text with these words before the name, so a
 * salt tells nothing of either. Another pepper gives other salts: prefix caches begin anew, nothing else.
 */
export function tenantSalts(keyOf: () => CryptoKey | Promise<CryptoKey>): (tenant: string) => string | Promise<string> {
  const known = new Map<string, string>();
  const make = async (tenant: string) => hmacBase64Url(await keyOf(), `prefix cache of the tenant ${tenant}`);
  return (tenant) => {
    const salt = known.get(tenant);
    if (salt !== undefined) return salt;
    return make(tenant).then((made) => {
      if (known.size >= SALTS_KEPT) known.clear();
      known.set(tenant, made);
      return made;
    });
  };
}
