import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import type { ChatAnswer, StreamEvent } from "../../../src/core/answer.ts";
import type { Failure } from "../../../src/core/failure.ts";
import type { WriterContext } from "../../../src/core/wire.ts";
import { replay } from "../../../src/wire/collect.ts";
import { wires } from "../../../src/wire/registry.ts";
import { streamFixtures } from "./fixtures.ts";

/** What the official `openai` package makes of the Responses that are written for it. */
const wire = wires["openai-responses"];
const asked = { model: "chat", input: "?", instructions: "Be brief.", metadata: { team: "a" }, top_p: 0.5 };
const context: WriterContext = {
  id: "resp_1",
  model: "the-model",
  createdAt: 1764000000,
  includeUsage: true,
  request: asked,
};
const answer: ChatAnswer = {
  operation: "chat",
  id: "resp_1",
  model: "the-model",
  createdAt: 1764000000,
  choices: [
    {
      index: 0,
      blocks: [
        { type: "reasoning", text: "Hm.\n\ndata: [DONE]\n\n", signature: "EqQB" },
        {
          type: "text",
          text: 'é🌊 "quoted"\r\n\r\nevent: error\n\n',
          citations: [{ type: "url_citation", url: "https://example.com", title: "T", start_index: 0, end_index: 1 }],
        },
        { type: "text", text: "And more." },
        { type: "tool", id: "call_1", name: "weather", json: '{"city":"Ulm"}' },
        { type: "tool", id: "call_2", name: "time", json: "{}" },
      ],
      finish: { kind: "tool", raw: "tool_calls" },
    },
  ],
  usage: { inputTokens: 12, outputTokens: 34, cachedInputTokens: 5, reasoningTokens: 6 },
};
const OUTPUT = [
  {
    type: "reasoning",
    summary: [{ type: "summary_text", text: "Hm.\n\ndata: [DONE]\n\n" }],
    encrypted_content: "signature:EqQB",
  },
  {
    type: "message",
    role: "assistant",
    status: "completed",
    content: [
      {
        type: "output_text",
        text: 'é🌊 "quoted"\r\n\r\nevent: error\n\n',
        annotations: [{ type: "url_citation", url: "https://example.com", title: "T", start_index: 0, end_index: 1 }],
      },
      { type: "output_text", text: "And more.", annotations: [] },
    ],
  },
  { type: "function_call", call_id: "call_1", name: "weather", arguments: '{"city":"Ulm"}', status: "completed" },
  { type: "function_call", call_id: "call_2", name: "time", arguments: "{}", status: "completed" },
];

/** A client whose server answers with these bytes, in small pieces. */
function client(body: string, status = 200, headers: Record<string, string> = {}): OpenAI {
  const bytes = new TextEncoder().encode(body);
  const fetch = async () => {
    let at = 0;
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (at >= bytes.length) return controller.close();
        controller.enqueue(bytes.subarray(at, at + 7));
        at += 7;
      },
    });
    const type = status === 200 && body.startsWith("{") ? "application/json" : "text/event-stream";
    return new Response(stream, { status, headers: { "content-type": type, ...headers } });
  };
  return new OpenAI({ apiKey: "gw_test", baseURL: "http://127.0.0.1:9/v1", fetch, maxRetries: 0 });
}

type Writer = ReturnType<typeof wire.encodeStream>;

function written(events: readonly StreamEvent[], last: (writer: Writer) => string, keepAlive = true): string {
  const writer = wire.encodeStream(context);
  const alive = keepAlive ? writer.keepAlive : "";
  return alive + events.map((event) => writer.write(event) + alive).join("") + last(writer);
}

const whole = () => written(replay(answer), (writer) => writer.end());

describe("the openai package", () => {
  // planted: `response.content_part.added` left out; the arguments of a call not told at its end
  it("follows the stream that is written for it to the response that it tells", async () => {
    const stream = client(whole()).responses.stream(asked);
    const deltas: string[] = [];
    stream.on("response.output_text.delta", ({ delta }) => deltas.push(delta));
    const response = await stream.finalResponse();
    expect(response).toMatchObject({ id: "resp_1", status: "completed", model: "the-model", output: OUTPUT });
    expect(response.output_text).toBe('é🌊 "quoted"\r\n\r\nevent: error\n\nAnd more.');
    expect(deltas.join("")).toBe(response.output_text);
    expect(response).toMatchObject({ instructions: "Be brief.", metadata: { team: "a" }, top_p: 0.5, store: false });
    expect(response.usage).toMatchObject({
      input_tokens: 12,
      input_tokens_details: { cached_tokens: 5 },
      output_tokens: 34,
      output_tokens_details: { reasoning_tokens: 6 },
      total_tokens: 46,
    });
  });

  // planted: events counted from the second on; the items of the last event not those that were told
  it("gets events that are counted, each item told as it is in the end", async () => {
    const events = [];
    for await (const event of await client(whole()).responses.create({ ...asked, stream: true })) events.push(event);
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, index) => index));
    expect(events[0]?.type).toBe("response.created");
    expect(events[1]?.type).toBe("response.in_progress");
    const last = events.at(-1);
    if (last?.type !== "response.completed") throw new Error(`ended by ${last?.type}`);
    const done = events.flatMap((event) => (event.type === "response.output_item.done" ? [event] : []));
    expect(done.sort((one, other) => one.output_index - other.output_index).map(({ item }) => item)).toEqual(
      last.response.output,
    );
    const added = events.flatMap((event) => (event.type === "response.output_item.added" ? [event.output_index] : []));
    expect(added).toEqual([0, 1, 2, 3]);
  });

  it("reads the JSON answer that is written for it, which is that of the stream", async () => {
    const json = JSON.stringify(wire.encodeAnswer(answer, context));
    const response = await client(json).responses.create(asked);
    const streamed = await client(whole()).responses.stream(asked).finalResponse();
    // The stream helper adds what it has parsed.
    expect(streamed.output).toMatchObject(response.output);
    expect(response.output_text).toBe(streamed.output_text);
    expect(response.usage).toEqual(streamed.usage);
  });

  // planted: the status `completed` for what ran into its limit
  it("is told that an answer is incomplete, and why", async () => {
    const events = replay(answer).map(
      (event): StreamEvent =>
        event.type === "finish" ? { ...event, finish: { kind: "length", raw: "max_tokens" } } : event,
    );
    const response = await client(written(events, (writer) => writer.end()))
      .responses.stream(asked)
      .finalResponse();
    expect(response).toMatchObject({ status: "incomplete", incomplete_details: { reason: "max_output_tokens" } });
  });

  const failure: Failure = { type: "backend_cut", message: "The answer broke off.\n\ndata: [DONE]" };
  const told = { code: "backend_cut", message: expect.stringContaining("broke off") };

  // planted: `response.failed` without the error behind it, which nobody throws
  it("throws where the stream failed, after what came before, and has been told that the response failed", async () => {
    const body = written(replay(answer).slice(0, 4), (writer) => writer.failure(failure, "req_1"));
    expect(body).not.toContain("response.completed");
    const seen: string[] = [];
    const read = async () => {
      const stream = await client(body).responses.create({ ...asked, stream: true });
      for await (const event of stream) seen.push(event.type);
    };
    await expect(read()).rejects.toMatchObject(told);
    expect(seen.at(-1)).toBe("response.failed");
    await expect(client(body).responses.stream(asked).finalResponse()).rejects.toMatchObject(told);
  });

  // planted: `response.failed` of a response whose beginning the writer has not seen
  it("throws where a backend's own stream broke off, at whichever frame", async () => {
    const fixture = streamFixtures("openai-responses").find(({ name }) => name === "reasoning");
    const frames = wire.decodeStream().push(fixture?.bytes ?? new Uint8Array());
    expect(frames.length).toBeGreaterThan(20);
    for (let kept = 0; kept < frames.length; kept++) {
      const passed = frames.slice(0, kept).map(({ raw }) => new TextDecoder().decode(raw));
      const body = passed.join("") + wire.encodeStream(context).failure(failure, "req_1");
      await expect(client(body).responses.stream(asked).finalResponse()).rejects.toMatchObject(told);
    }
  });

  it("throws where nothing was said but keep-alives", async () => {
    const writer = wire.encodeStream(context);
    const body = writer.keepAlive + writer.keepAlive + writer.failure(failure, "req_1");
    await expect(client(body).responses.stream(asked).finalResponse()).rejects.toMatchObject(told);
  });

  it("raises its own class for a failed reply", async () => {
    const { status, headers, body } = wire.encodeFailure(
      { type: "caller_rate_limited", message: "m", retryAfterMs: 100 },
      "req_1",
    );
    const call = client(body, status, { ...headers }).responses.create(asked);
    await expect(call).rejects.toBeInstanceOf(OpenAI.RateLimitError);
  });

  it.each(streamFixtures("openai-responses").filter(({ answer }) => answer?.id))(
    "reads $name as it is told anew",
    async ({ bytes, answer: meant }) => {
      if (!meant) return;
      const writer = wire.encodeStream({ ...context, id: meant.id, model: meant.model });
      const events = wire
        .decodeStream()
        .push(bytes)
        .flatMap((frame) => [...frame.events()]);
      const body = events.map((event) => writer.write(event)).join("") + writer.end();
      const anew = await client(body).responses.stream(asked).finalResponse();
      const spoken = meant.choices[0]?.blocks ?? [];
      expect(anew.output_text).toBe(spoken.map((block) => (block.type === "text" ? block.text : "")).join(""));
      const calls = anew.output.flatMap((item) => (item.type === "function_call" ? [item.call_id] : []));
      expect(calls).toEqual(spoken.flatMap((block) => (block.type === "tool" ? [block.id] : [])));
    },
  );
});
