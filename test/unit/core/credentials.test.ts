import fc from "fast-check";
import { expect, test } from "vitest";
import { looksLikeCredential, MASK, maskCredentials } from "../../../src/core/credentials.ts";

const random = "0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX2yZ3";

// planted: each pattern taken out of the list in turn
test.each([
  ["one of our keys", "gw_abcdefghij234567_abcdefghijklmnopqrstuvwxyzabcdefghijklmnopq"],
  ["an OpenAI key", "sk-proj-0123456789abcdef"],
  ["an Anthropic key", "sk-ant-api03-0123456789abcdef"],
  ["a Groq key", "gsk_0123456789abcdef0123"],
  ["a Hugging Face token", "hf_abcdefghijklmnopqr"],
  ["a GitHub token", "ghp_abcdefghijklmnop0123"],
  ["a fine-grained GitHub token", "github_pat_11ABCDEFG0abcdef"],
  ["a Google key", "AIzaSyA0123456789abcdefghijklmnopqrstuv"],
  ["an AWS key id", "AKIAIOSFODNN7EXAMPLE"],
  ["a Slack token", "xoxb-123456789012-abcdef"],
  ["a web token", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl"],
  ["a private key", "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----"],
  ["a bearer credential", "Bearer abcdefgh"],
  ["a password in an URL", "postgresql://app:hunter22@db.example/x"],
  ["a named value", 'api_key="hunter22"'],
  ["a JSON member", '{"password": "hunter22"}'],
  ["a dense run", random],
])("%s is masked, and what stands around it stays", (_, secret) => {
  const masked = maskCredentials(`before ${secret} after`);
  expect(masked).toContain(MASK);
  expect(masked).toMatch(/^before .* after$/s);
  expect(masked).not.toMatch(/hunter22|0123456789|abcdefgh|IOSFODNN|MIIEow|5kL6mN7|c2lnbmF0dXJl/);
  expect(looksLikeCredential(secret)).toBe(true);
});

test.each([
  "The model `home` does not exist.",
  "req_01jxq2v3c4d5e6f7g8h9j0k1m2",
  "4bf92f3577b34da6a3ce929d0e0e4736",
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "max_tokens: 4096",
  "tokens: 123456",
  "ask-something-quite-ordinary",
  "https://db.example/path?x=1",
])("%j is left alone", (text) => {
  expect(maskCredentials(text)).toBe(text);
});

test("masking twice changes nothing more, and no text takes long", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 400 }), (text) => {
      const once = maskCredentials(text);
      expect(maskCredentials(once)).toBe(once);
    }),
  );
  for (const unit of ["eyJ", "sk-", "api_key=", "a", "://", "-----BEGIN ", "Bearer ", "token: "]) {
    maskCredentials(unit.repeat(50_000));
  }
}, 20_000);
