import { createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { API_KEY_RANDOM_BYTES, hashSecret, mintApiKey, parseApiKey } from "../../../src/stages/api-key.ts";

const randomBytes = fc.uint8Array({ minLength: API_KEY_RANDOM_BYTES, maxLength: API_KEY_RANDOM_BYTES });

describe("api keys", () => {
  // planted: the secret's alphabet contained `_`
  it("parse back to the parts they were minted from, whatever the random bytes", () => {
    fc.assert(
      fc.property(randomBytes, (random) => {
        const minted = mintApiKey(random);
        expect(minted.text).toMatch(/^gw_[a-z2-7]{16}_[0-9A-Za-z]{43}$/);
        expect(parseApiKey(minted.text)).toEqual({ id: minted.id, secret: minted.secret });
      }),
    );
  });

  // planted: `digits` dropped the highest byte
  it("keep every random bit: two keys differ wherever their bytes differ", () => {
    fc.assert(
      fc.property(randomBytes, fc.nat(API_KEY_RANDOM_BYTES * 8 - 1), (random, bit) => {
        const flipped = Uint8Array.from(random);
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(mintApiKey(flipped).text).not.toBe(mintApiKey(random).text);
      }),
    );
  });

  // planted: the pattern without its anchors
  it("refuse whatever is not exactly one key", () => {
    const { text } = mintApiKey(new Uint8Array(API_KEY_RANDOM_BYTES).fill(7));
    const wrong = ["", "gw_", ` ${text}`, `${text} `, `${text}\n`, text.toUpperCase(), text.slice(0, -1), `${text}0`];
    for (const candidate of [...wrong, text.replace("gw_", "sk-"), `${text}_x`]) {
      expect(parseApiKey(candidate)).toBeUndefined();
    }
  });

  it("refuse to be minted from too few random bytes", () => {
    expect(() => mintApiKey(new Uint8Array(16))).toThrow(RangeError);
  });

  // planted: the pepper was left out of the hash
  it("are stored as base64url of HMAC-SHA-256 under the pepper", async () => {
    const expected = createHmac("sha256", "pepper-one").update("secret").digest("base64url");
    expect(await hashSecret("pepper-one", "secret")).toBe(expected);
    expect(await hashSecret("pepper-two", "secret")).not.toBe(expected);
  });
});
