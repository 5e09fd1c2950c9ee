import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { maskForCaller } from "../../../src/wire/mask.ts";
import { upstreamFailure } from "../../../src/wire/upstream-failure.ts";

describe("maskForCaller", () => {
  // planted: bare host names let through; the hosts masked only behind "http://"
  it.each([
    "Incorrect API key provided: sk-proj-abcdefghijklmnop. See https://platform.openai.com/account/api-keys.",
    "connect ECONNREFUSED 10.1.2.3:8000",
    "connect ECONNREFUSED [2001:db8::1:2]:8000",
    "getaddrinfo ENOTFOUND gpu.home.example",
    "no route to vllm:8000",
    "http://user:hunter2@db.internal/x failed",
    "token=abcdefghijklmnop0123 refused",
    "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "localhost:11434 is down",
    "File /usr/lib/python3/site-packages/vllm/engine.py failed",
    "key 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "gw_abcdefghijklmnop_0123456789abcdefABCDEF",
    "upstream api.anthropic.com said no",
  ])("masks %s", (message) => {
    const masked = maskForCaller(message);
    expect(masked).toContain("[masked]");
    for (const secret of [
      "sk-proj",
      "openai.com",
      "10.1.2.3",
      "db8",
      "home.example",
      "vllm:8000",
      "hunter2",
      "db.internal",
      "0123 ",
      "eyJ",
      "11434",
      "site-packages",
      "9f86",
      "gw_abc",
      "anthropic.com",
    ]) {
      expect(masked).not.toContain(secret);
    }
  });

  it.each([
    "messages.0.content.0.text: Field required",
    "`temperature` must be <= 2.0, got 3.5.",
    "The model `meta-llama/Llama-3.1-8B-Instruct` does not exist.",
    "claude-haiku-4-5-20251001 does not support context_management",
    "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens (8000 in the messages, 1000 in the completion).",
    "max_tokens: 999999 > 64000, which is the maximum allowed",
    "Invalid value for 'messages[1].role': 'robot'.",
  ])("leaves alone what helps the caller: %s", (message) => {
    expect(maskForCaller(message)).toBe(message);
  });

  it("is bounded and on one line, and takes no time to speak of on any input", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("a", "0", ".", ":", "/", "-", "=", "\n", " ", "é"), maxLength: 20_000 }),
        (text) => {
          const masked = maskForCaller(text);
          expect(masked.length).toBeLessThanOrEqual(501);
          expect(masked).not.toContain("\n");
        },
      ),
    );
    for (const text of [
      "a.".repeat(50_000),
      "a:".repeat(50_000),
      "/a".repeat(50_000),
      "a-".repeat(50_000),
      "eyJ".repeat(50_000),
    ])
      maskForCaller(text);
  });
});

describe("upstreamFailure", () => {
  it("puts no text of a backend into what the operator reads", () => {
    for (const status of [200, 302, 400, 401, 429, 500, 502, 530]) {
      const code = "sk-secret with spaces\n";
      const failure = upstreamFailure({ status, contentType: "application/json", body: "{}" }, () => ({
        message: "canary",
        code,
      }));
      expect(failure.detail).not.toContain("sk-secret");
      expect(failure.detail).not.toContain("canary");
    }
  });
});
