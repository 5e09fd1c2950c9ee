import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import type { ChatAnswer, StreamEvent } from "../../../src/core/answer.ts";
import type { Failure } from "../../../src/core/failure.ts";
import type { Wire, WriterContext } from "../../../src/core/wire.ts";
import { replay } from "../../../src/wire/collect.ts";
import { wires } from "../../../src/wire/registry.ts";

const context: WriterContext = { id: "id-1", model: "chat", createdAt: 1764000000, includeUsage: true };
const answer: ChatAnswer = {
  operation: "chat",
  id: "id-1",
  model: "chat",
  createdAt: 1764000000,
  choices: [
    {
      index: 0,
      blocks: [
        { type: "reasoning", text: "Hm.\n\ndata: [DONE]\n\n", signature: "EqQB" },
        { type: "text", text: 'é🌊 "quoted"\r\n\r\nevent: error\n\n' },
        { type: "tool", id: "call_1", name: "weather", json: '{"city":"Ulm"}' },
        { type: "tool", id: "call_2", name: "time", json: "{}" },
      ],
      finish: { kind: "tool", raw: "tool_calls" },
    },
  ],
  usage: { inputTokens: 12, outputTokens: 34, cachedInputTokens: 5, reasoningTokens: 6 },
};
const [, TEXT] = answer.choices[0]?.blocks ?? [];
const text = TEXT?.type === "text" ? TEXT.text : "";

/** Answers each request with these bytes, in pieces of `size`, as a server would. */
function serving(body: string, status = 200, headers: Record<string, string> = {}, size = 7) {
  const calls: number[] = [];
  const fetch = async () => {
    calls.push(Date.now());
    const bytes = new TextEncoder().encode(body);
    let at = 0;
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (at >= bytes.length) return controller.close();
        controller.enqueue(bytes.subarray(at, at + size));
        at += size;
      },
    });
    return new Response(stream, {
      status,
      headers: { "content-type": status === 200 ? "text/event-stream" : "application/json", ...headers },
    });
  };
  return { fetch, calls };
}

const openai = (fetch: () => Promise<Response>, maxRetries = 0) =>
  new OpenAI({ apiKey: "gw_test", baseURL: "http://127.0.0.1:9/v1", fetch, maxRetries });
const anthropic = (fetch: () => Promise<Response>, maxRetries = 0) =>
  new Anthropic({ apiKey: "gw_test", baseURL: "http://127.0.0.1:9", fetch, maxRetries });

const ask = { model: "chat", messages: [{ role: "user" as const, content: "?" }] };

function written(
  wire: Wire,
  events: readonly StreamEvent[],
  last: (writer: ReturnType<Wire["encodeStream"]>) => string,
): string {
  const writer = wire.encodeStream(context);
  return writer.keepAlive + events.map((event) => writer.write(event) + writer.keepAlive).join("") + last(writer);
}

describe("the openai package", () => {
  const wire = wires["openai-chat"];

  // planted: the role chunk left out; the usage chunk without its empty choices
  it("reads the stream that is written for it, usage and tool calls included", async () => {
    const { fetch } = serving(written(wire, replay(answer), (writer) => writer.end()));
    const completion = await openai(fetch)
      .chat.completions.stream({ ...ask, stream_options: { include_usage: true } })
      .finalChatCompletion();
    const [choice] = completion.choices;
    expect(choice?.message.content).toBe(text);
    expect(
      choice?.message.tool_calls?.map(
        (call) => call.type === "function" && [call.id, call.function.name, call.function.arguments],
      ),
    ).toEqual([
      ["call_1", "weather", '{"city":"Ulm"}'],
      ["call_2", "time", "{}"],
    ]);
    expect(choice?.finish_reason).toBe("tool_calls");
    expect(completion.usage).toMatchObject({
      prompt_tokens: 12,
      completion_tokens: 34,
      total_tokens: 46,
      prompt_tokens_details: { cached_tokens: 5 },
    });
  });

  it("gets the role first, and usage last only where it asked", async () => {
    for (const includeUsage of [true, false]) {
      const writer = wire.encodeStream({ ...context, includeUsage });
      const { fetch } = serving(
        replay(answer)
          .map((event) => writer.write(event))
          .join("") + writer.end(),
      );
      const chunks = [];
      for await (const chunk of await openai(fetch).chat.completions.create({ ...ask, stream: true }))
        chunks.push(chunk);
      expect(chunks[0]?.choices[0]?.delta.role).toBe("assistant");
      expect(chunks.filter((chunk) => chunk.usage).length).toBe(includeUsage ? 1 : 0);
      expect(chunks.at(-1)?.choices.length).toBe(includeUsage ? 0 : 1);
    }
  });

  // planted: the failure frame followed by `[DONE]` and written as a comment
  it("throws where the stream failed, after what came before", async () => {
    const failure: Failure = { type: "backend_cut", message: "The answer broke off.\n\ndata: [DONE]" };
    const events = replay(answer).slice(0, 4);
    const body = written(wire, events, (writer) => writer.failure(failure, "req_1"));
    expect(body).not.toContain(wire.terminator);
    const stream = await openai(serving(body).fetch).chat.completions.create({ ...ask, stream: true });
    const seen: string[] = [];
    const read = async () => {
      for await (const chunk of stream) seen.push(chunk.choices[0]?.delta.content ?? "");
    };
    await expect(read()).rejects.toMatchObject({ code: "backend_cut", message: expect.stringContaining("broke off") });
    expect(seen.length).toBeGreaterThan(0);
  });

  it("reads the JSON answer and the embeddings that are written for it", async () => {
    const json = JSON.stringify(wire.encodeAnswer(answer, context));
    const completion = await openai(
      serving(json, 200, { "content-type": "application/json" }).fetch,
    ).chat.completions.create(ask);
    expect(completion.choices[0]?.message.content).toBe(text);
    const vectors = wires["openai-embeddings"].encodeAnswer(
      { operation: "embed", model: "e", vectors: [[0.5, 1]], usage: { inputTokens: 3 } },
      context,
    );
    const { fetch } = serving(JSON.stringify(vectors), 200, { "content-type": "application/json" });
    const embedded = await openai(fetch).embeddings.create({ model: "e", input: "x", encoding_format: "float" });
    expect(embedded.data[0]?.embedding).toEqual([0.5, 1]);
    expect(embedded.usage.prompt_tokens).toBe(3);
  });

  const cases: [Failure, new (...args: never[]) => Error, number, string | null][] = [
    [{ type: "caller_bad_request", message: "m", param: "messages[0].content" }, OpenAI.BadRequestError, 400, null],
    [{ type: "caller_unauthenticated", message: "m" }, OpenAI.AuthenticationError, 401, "invalid_api_key"],
    [{ type: "caller_forbidden", message: "m" }, OpenAI.PermissionDeniedError, 403, "permission_denied"],
    [{ type: "caller_model_not_found", message: "m" }, OpenAI.NotFoundError, 404, "model_not_found"],
    [{ type: "caller_body_too_large", message: "m" }, OpenAI.APIError, 413, "request_too_large"],
    [{ type: "caller_rate_limited", message: "m" }, OpenAI.RateLimitError, 429, "rate_limit_exceeded"],
    [{ type: "caller_budget_exhausted", message: "m" }, OpenAI.RateLimitError, 429, "insufficient_quota"],
    [{ type: "backend_rejected", message: "m", status: 422 }, OpenAI.UnprocessableEntityError, 422, null],
    [{ type: "backend_unavailable", message: "m" }, OpenAI.InternalServerError, 503, "backend_unavailable"],
    [{ type: "backend_overloaded", message: "m" }, OpenAI.InternalServerError, 503, "backend_overloaded"],
    [{ type: "backend_timeout", message: "m" }, OpenAI.InternalServerError, 504, "backend_timeout"],
    [{ type: "backend_unauthorized", message: "m" }, OpenAI.InternalServerError, 502, "backend_unauthorized"],
    [{ type: "gateway_internal", message: "m" }, OpenAI.InternalServerError, 500, "internal_error"],
  ];
  it.each(cases)("raises its own class for %o", async (failure, errorClass, status, code) => {
    const told = wire.encodeFailure(failure, "req_1");
    const call = openai(serving(told.body, told.status, { ...told.headers }).fetch).chat.completions.create(ask);
    const error = await call.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(errorClass);
    expect(error).toMatchObject({
      status,
      code,
      message: `${status} m`,
      param: failure.param ?? (code === "model_not_found" ? "model" : null),
    });
  });
});

describe("the @anthropic-ai/sdk package", () => {
  const wire = wires["anthropic-messages"];

  // planted: the index of a block not counted up
  it("reads the stream that is written for it, thinking, signature and tool use included", async () => {
    const { fetch } = serving(written(wire, replay(answer), (writer) => writer.end()));
    const message = await anthropic(fetch)
      .messages.stream({ ...ask, max_tokens: 9 })
      .finalMessage();
    expect(message.content).toMatchObject([
      { type: "thinking", thinking: "Hm.\n\ndata: [DONE]\n\n", signature: "EqQB" },
      { type: "text", text },
      { type: "tool_use", id: "call_1", name: "weather", input: { city: "Ulm" } },
      { type: "tool_use", id: "call_2", name: "time", input: {} },
    ]);
    expect(message.stop_reason).toBe("tool_use");
    expect(message.usage).toMatchObject({ input_tokens: 7, cache_read_input_tokens: 5, output_tokens: 34 });
  });

  it("reads tool calls whose fragments are mixed as blocks one behind the other", async () => {
    const at = { choice: 0 } as const;
    const events: StreamEvent[] = [
      { type: "tool-start", ...at, block: 4, id: "a", name: "f" },
      { type: "tool-start", ...at, block: 5, id: "b", name: "g" },
      { type: "tool-input", ...at, block: 4, json: '{"x":' },
      { type: "tool-input", ...at, block: 5, json: '{"y":2}' },
      { type: "tool-input", ...at, block: 4, json: "1}" },
      { type: "finish", ...at, finish: { kind: "tool", raw: "tool_calls" } },
    ];
    const { fetch } = serving(written(wire, events, (writer) => writer.end()));
    const message = await anthropic(fetch)
      .messages.stream({ ...ask, max_tokens: 9 })
      .finalMessage();
    expect(message.content).toMatchObject([
      { id: "a", input: { x: 1 } },
      { id: "b", input: { y: 2 } },
    ]);
  });

  // planted: the failure frame without its event name
  it("throws where the stream failed, after what came before", async () => {
    const failure: Failure = { type: "backend_stream_error", message: "It broke." };
    const body = written(wire, replay(answer).slice(0, 4), (writer) => writer.failure(failure, "req_1"));
    expect(body).not.toContain(wire.terminator);
    const stream = await anthropic(serving(body).fetch).messages.create({ ...ask, max_tokens: 9, stream: true });
    const seen: string[] = [];
    const read = async () => {
      for await (const event of stream) seen.push(event.type);
    };
    await expect(read()).rejects.toMatchObject({ type: "api_error", apiMessage: "It broke." });
    expect(seen).toContain("content_block_delta");
  });

  it("reads the JSON answer that is written for it", async () => {
    const json = JSON.stringify(wire.encodeAnswer(answer, context));
    const message = await anthropic(serving(json, 200, { "content-type": "application/json" }).fetch).messages.create({
      ...ask,
      max_tokens: 9,
    });
    expect(message.content[1]).toMatchObject({ type: "text", text });
    expect(message.usage.input_tokens).toBe(7);
  });

  const cases: [Failure, new (...args: never[]) => Error, number, string][] = [
    [{ type: "caller_bad_request", message: "m" }, Anthropic.BadRequestError, 400, "invalid_request_error"],
    [{ type: "caller_unauthenticated", message: "m" }, Anthropic.AuthenticationError, 401, "authentication_error"],
    [{ type: "caller_budget_exhausted", message: "m" }, Anthropic.APIError, 402, "billing_error"],
    [{ type: "caller_forbidden", message: "m" }, Anthropic.PermissionDeniedError, 403, "permission_error"],
    [{ type: "caller_model_not_found", message: "m" }, Anthropic.NotFoundError, 404, "not_found_error"],
    [{ type: "caller_body_too_large", message: "m" }, Anthropic.APIError, 413, "invalid_request_error"],
    [{ type: "caller_rate_limited", message: "m" }, Anthropic.RateLimitError, 429, "rate_limit_error"],
    [{ type: "backend_unavailable", message: "m" }, Anthropic.InternalServerError, 503, "api_error"],
    [{ type: "backend_overloaded", message: "m" }, Anthropic.InternalServerError, 529, "overloaded_error"],
    [{ type: "backend_timeout", message: "m" }, Anthropic.InternalServerError, 504, "timeout_error"],
    [{ type: "gateway_internal", message: "m" }, Anthropic.InternalServerError, 500, "api_error"],
  ];
  it.each(cases)("raises its own class for %o", async (failure, errorClass, status, type) => {
    const told = wire.encodeFailure(failure, "req_1");
    const call = anthropic(serving(told.body, told.status, { ...told.headers }).fetch).messages.create({
      ...ask,
      max_tokens: 9,
    });
    const error = await call.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(errorClass);
    expect(error).toMatchObject({ status, type, apiMessage: "m" });
  });
});

describe("retries", () => {
  const both = [
    ["openai", wires["openai-chat"], (fetch: () => Promise<Response>) => openai(fetch, 2).chat.completions.create(ask)],
    [
      "anthropic",
      wires["anthropic-messages"],
      (fetch: () => Promise<Response>) => anthropic(fetch, 2).messages.create({ ...ask, max_tokens: 9 }),
    ],
  ] as const;

  // planted: `x-should-retry` left out
  it.each(both)("%s does not try again where it cannot help, and does where it can", async (_, wire, call) => {
    const tries = async (failure: Failure) => {
      const told = wire.encodeFailure(failure, "req_1");
      const { fetch, calls } = serving(told.body, told.status, { ...told.headers });
      await expect(call(fetch)).rejects.toThrow();
      return calls.length;
    };
    expect(await tries({ type: "caller_budget_exhausted", message: "m" })).toBe(1);
    expect(await tries({ type: "gateway_not_implemented", message: "m" })).toBe(1);
    expect(await tries({ type: "backend_timeout", message: "m", retryable: false })).toBe(1);
    expect(await tries({ type: "caller_rate_limited", message: "m", retryAfterMs: 1 })).toBe(3);
    expect(await tries({ type: "backend_unavailable", message: "m", retryAfterMs: 1 })).toBe(3);
  });
});
