import { describe, expect, it } from "vitest";
import { breakerRules, CLOSED_BREAKER } from "../../../src/core/breaker.ts";
import type { OutboundCall } from "../../../src/core/ports.ts";
import { ok } from "../../../src/core/result.ts";
import { BreakerView } from "../../../src/routing/breaker-view.ts";
import { type Answering, PLAYED_CONFIG, play } from "../../support/pipeline.ts";

const messages = [{ role: "user", content: "How long is this?" }];

const count = (model: string, answering: Answering, more: Parameters<typeof play>[2] = {}) =>
  play(
    {
      caller: "anthropic-messages",
      backend: "anthropic-messages",
      stream: false,
      asks: { wire: "anthropic-count-tokens", body: { model, messages, system: "Be brief." } },
    },
    answering,
    more,
  );

/** A backend that says nothing until it is stopped. */
const silent = {
  send: (_call: OutboundCall, signal: AbortSignal) =>
    new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(new Error("stopped")))).catch(
      () => ({ ok: false, failure: { type: "backend_unavailable", message: "m", detail: "aborted" } }) as const,
    ),
};

describe("counting for the alias of a chat", () => {
  // planted: the count booked as input tokens
  it("asks a provider of the caller's format the same, and charges a request, no tokens and no money", async () => {
    const { status, headers, body, event, calls, settlements } = await count("anthropic-messages", () =>
      Response.json({ input_tokens: 17, cache: { hit: 1 } }),
    );
    expect([status, JSON.parse(body), headers["x-gateway-count"]]).toEqual([
      200,
      { input_tokens: 17, cache: { hit: 1 } },
      "backend",
    ]);
    expect(calls.map(({ request }) => [request.path, JSON.parse(request.body)])).toEqual([
      ["/messages/count_tokens", { model: "played", messages, system: "Be brief." }],
    ]);
    expect(event).toMatchObject({ operation: "tokenize", outcome: "completed", costNanoUsd: 0, estimated: false });
    expect(event.usage).toBeUndefined();
    const [settled] = settlements;
    expect([settled?.reservation, settled?.actual]).toEqual([
      { tokens: 0, costNanoUsd: 0 },
      { tokens: 0, costNanoUsd: 0 },
    ]);
    expect(settled?.cacheWrite).toBeUndefined();
  });

  // planted: `/tokenize` below the version segment
  it("asks vLLM's tokenizer for what the chat would be there", async () => {
    const { body, calls } = await count("openai-chat", () => Response.json({ count: 23, tokens: [1, 2] }));
    expect(JSON.parse(body)).toEqual({ input_tokens: 23 });
    expect(calls.map(({ request }) => [request.path, request.unversioned, JSON.parse(request.body)])).toEqual([
      [
        "/tokenize",
        true,
        {
          model: "played",
          add_generation_prompt: true,
          messages: [{ role: "system", content: "Be brief." }, ...messages],
        },
      ],
    ]);
  });

  // planted: `orEstimate` that gives the failure back; a failed count reported to the breaker
  it.each<[string, Answering]>([
    ["there is no such endpoint", () => Response.json({ detail: "Not Found" }, { status: 404 })],
    ["it is unwell", () => Response.json({ error: { message: "boom" } }, { status: 500 })],
    ["it refuses the translated chat", () => Response.json({ error: { message: "no" } }, { status: 400 })],
    ["its answer is no count", () => Response.json({ count: -1 })],
    ["its answer is no JSON", () => new Response("{", { headers: { "content-type": "application/json" } })],
  ])("answers with the estimate, marked, where %s", async (_, answering) => {
    const { status, headers, body, event, calls, settlements } = await count("openai-chat", answering);
    expect([status, headers["x-gateway-count"], calls.length]).toEqual([200, "estimate", 1]);
    expect(JSON.parse(body).input_tokens).toBeGreaterThan(8);
    expect(event).toMatchObject({ outcome: "completed", costNanoUsd: 0 });
    expect([settlements[0]?.breakers, settlements[0]?.actual.tokens]).toEqual([[], 0]);
  });

  it("answers with the estimate where the backend does not count in time, or at all", async () => {
    const late = await count("openai-chat", () => Response.json({}), { transport: silent });
    expect([late.status, late.headers["x-gateway-count"]]).toEqual([200, "estimate"]);
    const never = await count("uncounted", () => Response.json({}));
    expect([never.status, never.headers["x-gateway-count"], never.calls]).toEqual([200, "estimate", []]);
    expect(JSON.parse(never.body)).toEqual(JSON.parse(late.body));
  });

  // planted: the families of the targets that are left, which are none
  it("estimates by the fallbacks where no target is configured", async () => {
    const { status, headers, body, calls } = await count("spare", () => Response.json({}), {
      availableBackends: new Set(["claude"]),
    });
    expect([status, headers["x-gateway-count"], calls, headers["x-gateway-attempts"]]).toEqual([
      200,
      "estimate",
      [],
      undefined,
    ]);
    expect(JSON.parse(body).input_tokens).toBeGreaterThan(8);
  });

  // planted: every refusal taken for the caller's
  it("tells the caller of a mistake that the provider of its own format found", async () => {
    const error = {
      type: "error",
      error: { type: "invalid_request_error", message: "messages: roles must alternate" },
    };
    const { status, body } = await count("anthropic-messages", () => Response.json(error, { status: 400 }));
    expect([status, JSON.parse(body).error.message]).toEqual([400, "messages: roles must alternate"]);
  });

  // planted: the rule for addresses asked for chats alone
  it("sends no backend an address that a chat may not name", async () => {
    const content = [{ type: "image", source: { type: "url", url: "http://10.0.0.7/secret.png" } }];
    const { status, headers, calls } = await play(
      {
        caller: "anthropic-messages",
        backend: "anthropic-messages",
        stream: false,
        asks: {
          wire: "anthropic-count-tokens",
          body: { model: "anthropic-messages", messages: [{ role: "user", content }] },
        },
      },
      () => Response.json({ input_tokens: 1 }),
    );
    expect([status, headers["x-gateway-count"], calls]).toEqual([200, "estimate", []]);
  });
});

describe("a route that wants to know exactly", () => {
  const chat = { id: "c", model: "m", choices: [{ index: 0, message: { content: "Yes" }, finish_reason: "stop" }] };
  const ask = (answering: Answering, more: Parameters<typeof play>[2] = {}) =>
    play(
      { caller: "openai-chat", backend: "openai-chat", alias: "exact", stream: false, more: { max_tokens: 7 } },
      answering,
      more,
    );

  // planted: the estimate reserved all the same; the messages left out
  it("reserves what the target's own tokenizer counts", async () => {
    const { calls, settlements, event } = await ask(({ request }) =>
      Response.json(request.path === "/tokenize" ? { count: 1234 } : chat),
    );
    expect(calls.map(({ request }) => request.path)).toEqual(["/tokenize", "/chat/completions"]);
    const [counted, asked] = calls.map(({ request }) => JSON.parse(request.body));
    expect(counted).toEqual({ model: "played", add_generation_prompt: true, messages: asked.messages });
    expect(settlements[0]?.reservation.tokens).toBe(1234 + 7);
    expect(event.decisions).toContainEqual({ step: "resolve", decision: "exact_tokens", reason: "openai", ioMs: 0 });
  });

  it("goes by the estimate where it does not", async () => {
    const { status, settlements, event } = await ask(({ request }) =>
      request.path === "/tokenize" ? new Response("no", { status: 500 }) : Response.json(chat),
    );
    expect(status).toBe(200);
    expect(settlements[0]?.reservation.tokens).toBeLessThan(60);
    expect(event.decisions).toContainEqual(
      expect.objectContaining({ decision: "estimated_tokens", reason: "status_500" }),
    );
  });

  // planted: each of the three let through
  it("asks no backend that is switched off or whose breaker is open", async () => {
    const breakers = new BreakerView(breakerRules(PLAYED_CONFIG), () => 0);
    const openUntil = Number.MAX_SAFE_INTEGER;
    breakers.learn({ breakers: { "openai/played": { ...CLOSED_BREAKER, failures: 3, openUntil, openMs: 1 } } });
    const tripped = await ask(() => Response.json(chat), { breakers });
    const off = await ask(() => Response.json(chat), {
      config: () => ({ ...PLAYED_CONFIG, disabledBackends: new Set(["openai"]) }),
    });
    const held = await ask(() => Response.json(chat), {
      config: () => ({ ...PLAYED_CONFIG, breakersByHand: new Map([["openai/played", "open"]]) }),
    });
    const reasons = [tripped, off, held].map(
      ({ event }) => event.decisions.find(({ decision }) => decision === "estimated_tokens")?.reason,
    );
    expect(reasons).toEqual(["breaker_open", "disabled", "breaker_open"]);
    expect(
      [...tripped.calls, ...off.calls, ...held.calls].filter(({ request }) => request.path === "/tokenize"),
    ).toEqual([]);
  });

  it("waits for a count no longer than a second", async () => {
    const { status, event } = await ask(() => Response.json(chat), {
      transport: {
        send: (call, signal) =>
          call.request.path === "/tokenize" ? silent.send(call, signal) : Promise.resolve(ok(Response.json(chat))),
      },
    });
    expect(status).toBe(200);
    expect(event.decisions).toContainEqual(
      expect.objectContaining({ decision: "estimated_tokens", reason: "too_slow" }),
    );
  });
});
