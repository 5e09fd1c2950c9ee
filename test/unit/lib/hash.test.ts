import { createHash, createHmac } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { constantTimeEqual, hmacBase64Url, hmacKey, sha256Hex } from "../../../src/lib/hash.ts";

describe("hashes", () => {
  // planted: base64 instead of base64url
  it("agree with node:crypto on any bytes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1 }), fc.uint8Array(), async (secret, data) => {
        const key = await hmacKey(secret);
        expect(await sha256Hex(data)).toBe(createHash("sha256").update(data).digest("hex"));
        expect(await hmacBase64Url(key, data)).toBe(createHmac("sha256", secret).update(data).digest("base64url"));
      }),
    );
    expect(await sha256Hex("é")).toBe(createHash("sha256").update("é").digest("hex"));
  });

  it("refuse an empty secret, which would be a missing setting", async () => {
    await expect(hmacKey("")).rejects.toThrow();
  });
});

describe("constantTimeEqual", () => {
  // planted: the loop bounded by the shorter string, so that a prefix was equal
  it("is equality, also for prefixes and the empty string", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 4 }), fc.string({ unit: "binary", maxLength: 4 }), (a, b) => {
        expect(constantTimeEqual(a, a)).toBe(true);
        expect(constantTimeEqual(a, b)).toBe(a === b);
        expect(constantTimeEqual(a, a + b)).toBe(b === "");
      }),
    );
    expect(constantTimeEqual("a", "a\0")).toBe(false);
  });
});
