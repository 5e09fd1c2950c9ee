import Anthropic from "@anthropic-ai/sdk";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type SimulatedBackend, simulatedTokens, startBackend } from "../../../dev/backends/main.ts";
import { collect } from "./raw-client.ts";

let backend: SimulatedBackend;
let client: Anthropic;

beforeAll(async () => {
  backend = await startBackend({ ttftMs: 0, tokensPerSecond: 0, apiKey: "simulated-key" });
  client = new Anthropic({ baseURL: backend.anthropicUrl, apiKey: "simulated-key", maxRetries: 0 });
});
beforeEach(() => backend.reset());
afterAll(() => backend.close());

const ASK = {
  model: "simulated-small",
  max_tokens: 500,
  system: "Be brief.",
  messages: [{ role: "user" as const, content: "Grüezi 🙂" }],
};

function textOf(message: Anthropic.Message): string {
  return message.content.map((block) => (block.type === "text" ? block.text : "")).join("");
}

// planted: output_tokens counted characters
test("a message has Anthropic's shape and counts tokens by the published rule", async () => {
  const message = await client.messages.create(ASK);
  expect(message).toMatchObject({
    type: "message",
    role: "assistant",
    stop_reason: "end_turn",
    stop_sequence: null,
    model: "simulated-small",
  });
  expect(message.usage.output_tokens).toBe(simulatedTokens(textOf(message)));
  expect(message.usage.input_tokens).toBe(2 * 3 + simulatedTokens("Be brief.") + simulatedTokens("Grüezi 🙂"));
  expect(message._request_id).toMatch(/^req_/);
  expect(
    (await client.messages.countTokens({ model: ASK.model, system: ASK.system, messages: ASK.messages })).input_tokens,
  ).toBe(message.usage.input_tokens);
});

// planted: the last delta of the text was lost
test("a stream is accumulated by the SDK to the same message", async () => {
  const whole = await client.messages.create(ASK);
  const events: string[] = [];
  const stream = client.messages.stream(ASK);
  stream.on("streamEvent", (event) => events.push(event.type));
  const accumulated = await stream.finalMessage();
  expect(textOf(accumulated)).toBe(textOf(whole));
  expect(accumulated.usage.output_tokens).toBe(whole.usage.output_tokens);
  expect(accumulated.stop_reason).toBe("end_turn");
  expect(events.slice(0, 2)).toEqual(["message_start", "content_block_start"]);
  expect(events.slice(-3)).toEqual(["content_block_stop", "message_delta", "message_stop"]);
});

// planted: the ping after the first block's start was left out
test("a ping follows the start of the first block", async () => {
  const response = await fetch(`${backend.anthropicUrl}/v1/messages`, {
    method: "POST",
    headers: { "x-api-key": "simulated-key", "anthropic-version": "2023-06-01" },
    body: JSON.stringify({ ...ASK, stream: true }),
  });
  expect(await response.text()).toMatch(
    /^event: message_start\n.*\n\nevent: content_block_start\n.*\n\nevent: ping\ndata: \{"type":"ping"\}\n\n/,
  );
});

// planted: thinking came after the text
test("thinking blocks come first and are signed, asked for by marker or by the request", async () => {
  const byMarker = await client.messages.create({
    ...ASK,
    messages: [{ role: "user", content: "[[sim:reasoning=5]]" }],
  });
  expect(byMarker.content.map((block) => block.type)).toEqual(["thinking", "text"]);
  const ask = { ...ASK, max_tokens: 2000, thinking: { type: "enabled" as const, budget_tokens: 1024 } };
  const streamed = await client.messages.stream(ask).finalMessage();
  expect(streamed.content).toEqual((await client.messages.create(ask)).content);
  expect(streamed.content[0]).toMatchObject({ type: "thinking", signature: expect.stringMatching(/./) });
});

// planted: input_json_delta fragments were escaped twice
test("a tool call is accumulated from its fragments", async () => {
  const message = await client.messages
    .stream({
      ...ASK,
      messages: [{ role: "user", content: '[[sim:tool=weather]][[sim:tool-input={"city":"Zürich"}]]' }],
    })
    .finalMessage();
  expect(message.stop_reason).toBe("tool_use");
  expect(message.content[0]).toMatchObject({ type: "tool_use", name: "weather", input: { city: "Zürich" } });
});

// planted: max_tokens was called length
test("limits and stop sequences have Anthropic's words", async () => {
  const short = await client.messages.create({ ...ASK, max_tokens: 3 });
  expect(short).toMatchObject({ stop_reason: "max_tokens", usage: { output_tokens: 3 } });
  const stopped = await client.messages.create({
    ...ASK,
    stop_sequences: ["two"],
    messages: [{ role: "user", content: "[[sim:text=one two]]" }],
  });
  expect(stopped).toMatchObject({ stop_reason: "stop_sequence", stop_sequence: "two", content: [{ text: "one " }] });
  const cached = await client.messages.create({
    ...ASK,
    messages: [{ role: "user", content: "long enough a prompt [[sim:cached=4]]" }],
  });
  expect(cached.usage.cache_read_input_tokens).toBe(4);
});

// planted: unknown fields were ignored as in the other format
test("requests are checked as strictly as Anthropic checks them", async () => {
  const ask = (change: object) => client.messages.create({ ...ASK, ...change } as never);
  await expect(ask({ max_tokens: undefined })).rejects.toMatchObject({
    status: 400,
    error: { error: { type: "invalid_request_error", message: "max_tokens: Field required" } },
  });
  await expect(ask({ made_up: 1 })).rejects.toThrow("made_up: Extra inputs are not permitted");
  await expect(ask({ temperature: 1.5 })).rejects.toThrow("temperature");
  await expect(ask({ messages: [] })).rejects.toThrow("at least one message is required");
  await expect(ask({ messages: [{ role: "system", content: "x" }] })).rejects.toThrow("messages.0.role");
  await expect(ask({ messages: [{ role: "user", content: "" }] })).rejects.toThrow("non-empty content");
  await expect(ask({ model: "no-such-model" })).rejects.toThrow(Anthropic.NotFoundError);
  const consecutive = [
    { role: "user" as const, content: "a" },
    { role: "user" as const, content: "b" },
  ];
  expect((await client.messages.create({ ...ASK, messages: consecutive })).type).toBe("message");
});

// planted: the version header was not looked at
test("the version header and the key are demanded, in either credential header", async () => {
  const post = async (headers: Record<string, string>) => {
    const response = await fetch(`${backend.anthropicUrl}/v1/messages`, {
      method: "POST",
      headers,
      body: JSON.stringify(ASK),
    });
    return { status: response.status, body: await response.json() };
  };
  const version = { "anthropic-version": "2023-06-01" };
  expect(await post({ "x-api-key": "simulated-key" })).toMatchObject({
    status: 400,
    body: { type: "error", request_id: expect.stringMatching(/^req_/) },
  });
  expect((await post({ ...version, authorization: "Bearer simulated-key" })).status).toBe(200);
  expect(await post({ ...version, "x-api-key": "wrong" })).toMatchObject({
    status: 401,
    body: { error: { type: "authentication_error" } },
  });
  expect((await collect(client.models.list())).map((model) => model.id)).toContain("simulated-large");
});

// planted: 529 was typed api_error
test("its error statuses reach the SDK as its own classes", async () => {
  const ask = (fault: string) => client.messages.create({ ...ASK, model: `simulated-small!${fault}` });
  await expect(ask("rate-limited")).rejects.toThrow(Anthropic.RateLimitError);
  await expect(ask("forbidden")).rejects.toThrow(Anthropic.PermissionDeniedError);
  await expect(ask("server-error,status=529")).rejects.toMatchObject({
    status: 529,
    error: { error: { type: "overloaded_error" } },
  });
  await expect(ask("quota-exhausted")).rejects.toMatchObject({
    status: 402,
    error: { error: { type: "billing_error" } },
  });
  await expect(
    client.messages.stream({ ...ASK, model: "simulated-small!error-frame,after=2" }).finalMessage(),
  ).rejects.toThrow("Overloaded");
});
