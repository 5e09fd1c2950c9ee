/** Secrets of the keyed hashes of API keys, by version. Old versions stay until no key uses them. */
export interface Peppers {
  /** The version for new keys: the highest. */
  readonly current: number;
  /** Version → the pepper's base64 text, which is the HMAC's key as it stands. */
  readonly byVersion: ReadonlyMap<number, string>;
}

const SHORTEST_BYTES = 32;

/** Reads `version:base64[,version:base64…]`, each of at least 32 bytes. A reason never holds any of it. */
export function readPeppers(
  text: string,
): { readonly ok: true; readonly peppers: Peppers } | { readonly ok: false; readonly reason: string } {
  const byVersion = new Map<number, string>();
  for (const part of text.split(",")) {
    const [, version, secret] = /^([1-9]\d{0,8}):([A-Za-z0-9+/_-]+={0,2})$/.exec(part.trim()) ?? [];
    if (version === undefined || secret === undefined) {
      return { ok: false, reason: "must be version:base64, several of them separated by commas" };
    }
    if (byteLength(secret) < SHORTEST_BYTES) {
      return { ok: false, reason: `version ${version} has fewer than ${SHORTEST_BYTES} bytes` };
    }
    if (byVersion.has(Number(version))) return { ok: false, reason: `version ${version} stands there twice` };
    byVersion.set(Number(version), secret);
  }
  return { ok: true, peppers: { current: Math.max(...byVersion.keys()), byVersion } };
}

/** Bytes that a base64 text holds. */
function byteLength(base64: string): number {
  return Math.floor((base64.replace(/=+$/, "").length * 3) / 4);
}
