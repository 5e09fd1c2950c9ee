const encoder = new TextEncoder();

function bytesOf(data: string | Uint8Array): Uint8Array<ArrayBuffer> {
  const source = typeof data === "string" ? encoder.encode(data) : data;
  // WebCrypto's types want memory that is not shared: a copy says so without a cast.
  const bytes = new Uint8Array(new ArrayBuffer(source.length));
  bytes.set(source);
  return bytes;
}

/** SHA-256 of bytes, or of a text's UTF-8, as 64 lower-case hexadecimal digits. */
export async function sha256Hex(data: string | Uint8Array): Promise<string> {
  return toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytesOf(data))));
}

/** A key for `hmacBase64Url`: import it once, not once a request. An empty secret throws: it is a missing setting. */
export async function hmacKey(secret: string | Uint8Array): Promise<CryptoKey> {
  const bytes = bytesOf(secret);
  if (bytes.byteLength === 0) throw new Error("an HMAC key must not be empty");
  return crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
}

/** The key of one secret, imported when it is first asked for. A promise while it is on its way: those of other requests are not waited for. */
export function hmacKeyOf(secret: string): () => CryptoKey | Promise<CryptoKey> {
  let known: CryptoKey | undefined;
  return () =>
    known ??
    hmacKey(secret).then((key) => {
      known = key;
      return key;
    });
}

/** HMAC-SHA-256 (RFC 2104) as base64url (RFC 4648 §5) without padding. */
export async function hmacBase64Url(key: CryptoKey, data: string | Uint8Array): Promise<string> {
  return toBase64Url(new Uint8Array(await crypto.subtle.sign("HMAC", key, bytesOf(data))));
}

/** Whether two strings are equal, in a time that depends on their lengths alone. */
export function constantTimeEqual(one: string, other: string): boolean {
  const a = encoder.encode(one);
  const b = encoder.encode(other);
  let difference = a.length ^ b.length;
  for (let i = 0; i < Math.max(a.length, b.length); i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}

export function toHex(bytes: Uint8Array): string {
  let hex = "";
  for (const byte of bytes) hex += byte.toString(16).padStart(2, "0");
  return hex;
}

export function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

export function toBase64Url(bytes: Uint8Array): string {
  return toBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
