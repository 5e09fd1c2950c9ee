import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isFallbackWorthy } from "../../../src/core/failure.ts";
import { duration } from "../../../src/wire/openai-chat/error.ts";
import { wires } from "../../../src/wire/registry.ts";

const chat = wires["openai-chat"];
const messages = wires["anthropic-messages"];

describe("rate headers", () => {
  const rate = {
    requests: { limit: 60, remaining: 59.7, resetMs: 62_500, resetAtMs: Date.UTC(2026, 10, 21, 12, 0, 0) + 1 },
    tokens: { limit: 10_000, remaining: 0, resetMs: 12, resetAtMs: Date.UTC(2026, 10, 21, 12, 1, 0) },
  };

  // planted: the reset in milliseconds; `remaining` rounded up
  it("carry the names and units of each format", () => {
    expect(chat.rateHeaders(rate)).toEqual({
      "x-ratelimit-limit-requests": "60",
      "x-ratelimit-remaining-requests": "59",
      "x-ratelimit-reset-requests": "1m2.5s",
      "x-ratelimit-limit-tokens": "10000",
      "x-ratelimit-remaining-tokens": "0",
      "x-ratelimit-reset-tokens": "12ms",
    });
    expect(messages.rateHeaders(rate)).toEqual({
      "anthropic-ratelimit-requests-limit": "60",
      "anthropic-ratelimit-requests-remaining": "59",
      "anthropic-ratelimit-requests-reset": "2026-11-21T12:00:01Z",
      "anthropic-ratelimit-tokens-limit": "10000",
      "anthropic-ratelimit-tokens-remaining": "0",
      "anthropic-ratelimit-tokens-reset": "2026-11-21T12:01:00Z",
    });
    expect(chat.rateHeaders({})).toEqual({});
    expect(
      messages.rateHeaders({ requests: { ...rate.requests, resetAtMs: Number.POSITIVE_INFINITY } })[
        "anthropic-ratelimit-requests-reset"
      ],
    ).toBe("9999-12-31T23:59:59Z");
  });

  it("write durations as Go does", () => {
    expect([0, 1, 999.2, 1000, 1500, 60_000, 62_500, 360_000, 3_600_000, 90_061_001].map(duration)).toEqual([
      "0s",
      "1ms",
      "1s",
      "1s",
      "1.5s",
      "1m0s",
      "1m2.5s",
      "6m0s",
      "1h0m0s",
      "25h1m1.001s",
    ]);
    fc.assert(
      fc.property(fc.nat(100_000_000), (ms) => {
        const [, hours = 0, minutes = 0, seconds = 0, rest = 0] =
          /^(?:(\d+)h)?(?:(\d+)m(?!s))?(?:([\d.]+)s)?(?:(\d+)ms)?$/.exec(duration(ms)) ?? [];
        expect(
          Math.round(Number(hours) * 3_600_000 + Number(minutes) * 60_000 + Number(seconds) * 1000 + Number(rest)),
        ).toBe(ms);
      }),
    );
  });
});

describe("headers of failures", () => {
  const headersOf = (failure: Parameters<typeof chat.encodeFailure>[0]) =>
    [chat, messages].map((wire) => wire.encodeFailure(failure, "r").headers);

  // planted: `Retry-After` rounded down
  it("say when to come back, in both units, rounded up", () => {
    for (const headers of headersOf({ type: "caller_rate_limited", message: "m", retryAfterMs: 1200.5 })) {
      expect(headers).toMatchObject({ "retry-after": "2", "retry-after-ms": "1201" });
    }
    for (const headers of headersOf({ type: "backend_unavailable", message: "m" }))
      expect(headers["retry-after"]).toBe("2");
    for (const headers of headersOf({ type: "backend_timeout", message: "m" }))
      expect(headers["retry-after"]).toBeUndefined();
  });

  it("say that a spent budget is not to be tried again, and nothing of when", () => {
    for (const headers of headersOf({ type: "caller_budget_exhausted", message: "m", retryAfterMs: 5 })) {
      expect(headers["x-should-retry"]).toBe("false");
      expect(headers["retry-after"]).toBeUndefined();
    }
  });

  it("obey the failure where it knows better than its type", () => {
    for (const headers of headersOf({ type: "backend_unavailable", message: "m", retryable: false }))
      expect(headers["x-should-retry"]).toBe("false");
  });
});

describe("a provider's spent quota", () => {
  const reply = (status: number, error: object) => ({
    status,
    contentType: "application/json",
    body: JSON.stringify({ error }),
    retryAfterMs: 1_000,
  });
  const spent = [
    chat.decodeFailure(reply(429, { message: "m", type: "insufficient_quota", code: "insufficient_quota" })),
    messages.decodeFailure(reply(402, { type: "billing_error", message: "m" })),
    messages.decodeFailure(
      reply(400, { type: "invalid_request_error", message: "Your credit balance is too low to access the API." }),
    ),
  ];

  // planted: read like any other 429; a 402 named when to come back
  it("sends to the next backend, and nobody back in two seconds", () => {
    for (const failure of spent) {
      expect(failure).toMatchObject({ type: "backend_unavailable", detail: "backend_quota" });
      expect(isFallbackWorthy(failure)).toBe(true);
      for (const wire of [chat, messages]) {
        const told = wire.encodeFailure(failure, "req_1");
        expect([told.status, told.headers["x-should-retry"], told.headers["retry-after"]]).toEqual([
          503,
          "false",
          undefined,
        ]);
        expect(told.body).not.toMatch(/quota|credit|billing/);
      }
    }
  });

  it("is not what a rate limit or a refused prompt is", () => {
    expect(chat.decodeFailure(reply(429, { code: "rate_limit_exceeded" })).type).toBe("backend_overloaded");
    const words = "messages.0: Your credit balance is too low";
    expect(messages.decodeFailure(reply(400, { message: words })).type).toBe("backend_rejected");
  });
});

describe("Anthropic's error body", () => {
  it("names the field in its sentence, for want of a place of its own", () => {
    const body = (message: string) =>
      JSON.parse(messages.encodeFailure({ type: "caller_bad_request", message, param: "top_k" }, "req_1").body);
    expect(body("must be an integer")).toEqual({
      type: "error",
      error: { type: "invalid_request_error", message: "top_k: must be an integer" },
      request_id: "req_1",
    });
    expect(body("`top_k` must be an integer").error.message).toBe("`top_k` must be an integer");
  });
});

describe("a backend's 404", () => {
  const reply = (body: unknown) => ({ status: 404, contentType: "application/json", body: JSON.stringify(body) });
  const openAi = (message: string, more = {}) => chat.decodeFailure(reply({ error: { message, ...more } }));
  const anthropic = (message: string) =>
    messages.decodeFailure(reply({ type: "error", error: { type: "not_found_error", message } }));

  // planted: read like any other refusal of the request
  it("is ours to mend: the model and the path are the configuration's words, not the caller's", () => {
    const ours = [
      openAi("The model `qwen-old` does not exist.", { type: "NotFoundError", param: "model", code: 404 }),
      openAi("The model `gpt-9` does not exist or you do not have access to it.", { code: "model_not_found" }),
      openAi("models/gemini-9 is not found for API version v1beta, or is not supported for generateContent."),
      openAi("The model `response-of-file` does not exist."),
      anthropic("model: claude-9"),
    ];
    for (const failure of ours) {
      expect(failure).toMatchObject({ type: "backend_unavailable", detail: "model_not_found" });
      for (const wire of [chat, messages]) {
        const told = wire.encodeFailure(failure, "req_1");
        expect([told.status, told.headers["x-should-retry"]]).toEqual([503, "false"]);
        expect(told.body).not.toMatch(/model|qwen|gpt|gemini|claude|exist/);
      }
    }
    expect(chat.decodeFailure(reply({ detail: "Not Found" }))).toMatchObject({
      type: "backend_unavailable",
      detail: "status_404",
    });
  });

  // planted: every 404 taken for ours
  it("is the caller's where it named what is not there", () => {
    const theirs = [
      openAi("Previous response with id 'resp_123' not found.", { param: "previous_response_id" }),
      openAi("No such File object: file-abc123", { param: "file_id" }),
      openAi("CachedContent not found (or permission denied)"),
      openAi("Container cntr_1 not found."),
      openAi("Conversation with id 'conv_1' not found."),
      anthropic("File not found: file_011CNha8iCJcU1wXNR6q4V8w"),
    ];
    for (const failure of theirs) expect(failure).toMatchObject({ type: "backend_rejected", status: 404 });
  });
});

describe("a backend's 503", () => {
  const reply = (contentType: string, body: string, retryAfterMs?: number) =>
    chat.decodeFailure({ status: 503, contentType, body, ...(retryAfterMs !== undefined && { retryAfterMs }) });

  // planted: every 503 taken for a busy model server
  it("is an overload where the model server says it, and else a proxy with nobody behind it", () => {
    expect(reply("application/json", '{"error":{"message":"queue full"}}').type).toBe("backend_overloaded");
    expect(reply("text/html", "<html></html>", 5_000)).toMatchObject({
      type: "backend_overloaded",
      retryAfterMs: 5_000,
    });
    for (const [type, body] of [
      ["text/html", "<html><h1>503 Service Temporarily Unavailable</h1></html>"],
      ["text/plain", "no healthy upstream"],
      ["", ""],
    ] as const) {
      const failure = reply(type, body);
      expect(failure).toMatchObject({ type: "backend_unavailable", detail: "unexpected_content_type:503" });
      expect(chat.encodeFailure(failure, "r").body).not.toMatch(/html|upstream/);
    }
    expect(reply("application/json", "{").detail).toBe("malformed_json");
  });
});
