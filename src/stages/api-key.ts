import { hmacBase64Url, hmacKey } from "../lib/hash.ts";

/**
 * API keys of the form `gw_<id>_<secret>`. The id is public (it names the key in logs, rows and the admin API); the secret is shown
 * once and kept only as a keyed hash. Pure but for WebCrypto; random bytes come in.
 */

/** Bytes of randomness that one key takes: 10 for the id, 32 for the secret. */
export const API_KEY_RANDOM_BYTES = 42;

const ID_BYTES = 10;
const ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
const SECRET_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/** 62^43 is the first power of 62 that holds 256 bits. */
const SECRET_LENGTH = 43;
const KEY_PATTERN = /^gw_([a-z2-7]{16})_([0-9A-Za-z]{43})$/;

export interface ParsedApiKey {
  readonly id: string;
  readonly secret: string;
}

export interface MintedApiKey extends ParsedApiKey {
  /** The whole key, for its owner's eyes, once. */
  readonly text: string;
}

/** The two parts of a well-formed key; undefined for anything else. Says nothing about whether the key exists. */
export function parseApiKey(text: string): ParsedApiKey | undefined {
  const [, id, secret] = KEY_PATTERN.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

/** Builds a key from `API_KEY_RANDOM_BYTES` bytes of a cryptographic source; the same bytes give the same key. */
export function mintApiKey(random: Uint8Array): MintedApiKey {
  if (random.length !== API_KEY_RANDOM_BYTES) {
    throw new RangeError(`a key takes ${API_KEY_RANDOM_BYTES} random bytes, not ${random.length}`);
  }
  const id = digits(random.subarray(0, ID_BYTES), ID_ALPHABET, 16);
  const secret = digits(random.subarray(ID_BYTES), SECRET_ALPHABET, SECRET_LENGTH);
  return { id, secret, text: `gw_${id}_${secret}` };
}

/** Base64url of HMAC-SHA-256(pepper, secret): what is stored and compared. `pepper` is the secret text of one pepper version. */
export async function hashSecret(pepper: string, secret: string): Promise<string> {
  return hmacBase64Url(await hmacKey(pepper), secret);
}

/** The bytes as one big-endian number, written in the alphabet, padded to `length`. */
function digits(bytes: Uint8Array, alphabet: string, length: number): string {
  const base = BigInt(alphabet.length);
  let value = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  let text = "";
  for (let position = 0; position < length; position++) {
    text = alphabet.charAt(Number(value % base)) + text;
    value /= base;
  }
  return text;
}
