import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type SimulatedBackend, simulatedTokens, startBackend } from "../../../dev/backends/main.ts";
import { collect } from "./raw-client.ts";

let backend: SimulatedBackend;
let client: OpenAI;

beforeAll(async () => {
  backend = await startBackend({ ttftMs: 0, tokensPerSecond: 0, apiKey: "simulated-key" });
  client = new OpenAI({ baseURL: `${backend.url}/v1`, apiKey: "simulated-key", maxRetries: 0 });
});
beforeEach(() => backend.reset());
afterAll(() => backend.close());

const HELLO = [
  { role: "system" as const, content: "Be brief." },
  { role: "user" as const, content: "Grüezi 🙂" },
];

// planted: usage counted as characters / 4 instead of by the token rule
test("a chat answer has vLLM's shape and counts tokens by the published rule", async () => {
  const answer = await client.chat.completions.create({ model: "simulated-small", messages: HELLO });
  const text = answer.choices[0]?.message.content ?? "";
  expect(answer.object).toBe("chat.completion");
  expect(answer.choices[0]?.finish_reason).toBe("stop");
  expect(answer.usage?.completion_tokens).toBe(simulatedTokens(text));
  expect(answer.usage?.prompt_tokens).toBe(2 * 3 + simulatedTokens("Be brief.") + simulatedTokens("Grüezi 🙂"));
  expect(answer.usage?.total_tokens).toBe((answer.usage?.prompt_tokens ?? 0) + (answer.usage?.completion_tokens ?? 0));
});

// planted: the stream's frames left out every text token beyond the first
test("a stream says the same as the JSON answer and ends with a usage chunk without choices", async () => {
  const whole = await client.chat.completions.create({ model: "simulated-small", messages: HELLO });
  const stream = await client.chat.completions.create({
    model: "simulated-small",
    messages: HELLO,
    stream: true,
    stream_options: { include_usage: true },
  });
  const chunks = await collect(stream);
  expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("")).toBe(whole.choices[0]?.message.content);
  expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe("stop");
  expect(chunks.at(-1)?.choices).toEqual([]);
  expect(chunks.at(-1)?.usage).toEqual(whole.usage);
  expect(chunks.filter((chunk) => chunk.usage)).toHaveLength(1);
});

// planted: include_usage was taken for granted
test("no usage chunk comes unless it was asked for", async () => {
  const chunks = await collect(
    await client.chat.completions.create({ model: "simulated-small", messages: HELLO, stream: true }),
  );
  expect(chunks.every((chunk) => chunk.usage === undefined || chunk.usage === null)).toBe(true);
});

// planted: the seed was left out of what an answer depends on
test("an answer depends on prompt, model and seed, and on nothing else", async () => {
  const ask = async (model: string, content: string, seed?: number) => {
    const answer = await client.chat.completions.create({
      model,
      messages: [{ role: "user", content }],
      ...(seed === undefined ? {} : { seed }),
    });
    return answer.choices[0]?.message.content;
  };
  const first = await ask("simulated-small", "one");
  expect(await ask("simulated-small", "one")).toBe(first);
  const others = [
    await ask("simulated-small", "two"),
    await ask("simulated-large", "one"),
    await ask("simulated-small", "one", 7),
  ];
  expect(new Set([first, ...others]).size).toBe(4);
});

// planted: max_tokens was compared with text.length
test("max_tokens bounds the answer exactly and the finish reason says so", async () => {
  for (const max_tokens of [1, 2, 7]) {
    const answer = await client.chat.completions.create({ model: "simulated-small", messages: HELLO, max_tokens });
    expect(answer.choices[0]?.finish_reason).toBe("length");
    expect(answer.usage?.completion_tokens).toBe(max_tokens);
    expect(simulatedTokens(answer.choices[0]?.message.content ?? "")).toBe(max_tokens);
  }
});

// planted: the stop text was kept in the answer
test("a stop sequence ends the text before it", async () => {
  const messages = [{ role: "user" as const, content: "[[sim:text=one two three two]]" }];
  const answer = await client.chat.completions.create({ model: "simulated-small", messages, stop: ["three", "two"] });
  expect(answer.choices[0]?.message.content).toBe("one ");
  expect(answer.choices[0]?.finish_reason).toBe("stop");
  expect(answer.choices[0]).toMatchObject({ stop_reason: "two" });
});

// planted: the choice index was left out of the seed text
test("n choices are different and each stream of them is complete", async () => {
  const whole = await client.chat.completions.create({ model: "simulated-small", messages: HELLO, n: 3 });
  const texts = whole.choices.map((choice) => choice.message.content);
  expect(new Set(texts).size).toBe(3);
  const streamed = ["", "", ""];
  const finished: (string | null)[] = [];
  for await (const chunk of await client.chat.completions.create({
    model: "simulated-small",
    messages: HELLO,
    n: 3,
    stream: true,
  })) {
    for (const choice of chunk.choices) {
      streamed[choice.index] += choice.delta.content ?? "";
      if (choice.finish_reason !== null) finished.push(choice.finish_reason);
    }
  }
  expect(streamed).toEqual(texts);
  expect(finished).toEqual(["stop", "stop", "stop"]);
});

/** vLLM's field, of which OpenAI's types know nothing. */
function reasoningOf(holder: object | undefined): string {
  return holder !== undefined && "reasoning" in holder ? String(holder.reasoning) : "";
}

// planted: reasoning went into content
test("reasoning comes in its own field, streamed and whole", async () => {
  const messages = [{ role: "user" as const, content: "[[sim:reasoning=5]] think" }];
  const whole = await client.chat.completions.create({ model: "simulated-small", messages });
  const reasoning = reasoningOf(whole.choices[0]?.message);
  expect(simulatedTokens(reasoning)).toBe(5);
  let streamed = "";
  for await (const chunk of await client.chat.completions.create({
    model: "simulated-small",
    messages,
    stream: true,
  })) {
    streamed += reasoningOf(chunk.choices[0]?.delta);
  }
  expect(streamed).toBe(reasoning);
  const reasoner = await client.chat.completions.create({ model: "simulated-reasoner", messages: HELLO });
  expect(reasoner.choices[0]?.message).toMatchObject({ reasoning: expect.stringMatching(/./) });
});

// planted: arguments came in one piece
test("a tool call comes in fragments that join to its JSON", async () => {
  const messages = [
    { role: "user" as const, content: '[[sim:tool=weather]][[sim:tool-input={"city":"Zürich","days":3}]]' },
  ];
  const whole = await client.chat.completions.create({ model: "simulated-small", messages });
  expect(whole.choices[0]?.finish_reason).toBe("tool_calls");
  expect(whole.choices[0]?.message.tool_calls?.[0]).toMatchObject({
    function: { name: "weather", arguments: '{"city":"Zürich","days":3}' },
  });
  const fragments: string[] = [];
  for await (const chunk of await client.chat.completions.create({
    model: "simulated-small",
    messages,
    stream: true,
  })) {
    const call = chunk.choices[0]?.delta.tool_calls?.[0];
    if (call?.function?.arguments !== undefined) fragments.push(call.function.arguments);
  }
  expect(fragments.length).toBeGreaterThan(3);
  expect(JSON.parse(fragments.join(""))).toEqual({ city: "Zürich", days: 3 });
});

// planted: the text field was called content
test("completions stream and count like chat, for several prompts", async () => {
  const whole = await client.completions.create({ model: "simulated-small", prompt: ["one", "two"], max_tokens: 9 });
  expect(whole.choices.map((choice) => simulatedTokens(choice.text))).toEqual([9, 9]);
  expect(whole.usage).toMatchObject({ prompt_tokens: 2, completion_tokens: 18 });
  const stream = await client.completions.create({
    model: "simulated-small",
    prompt: "one",
    max_tokens: 9,
    stream: true,
  });
  const chunks = await collect(stream);
  expect(chunks.map((chunk) => chunk.choices[0]?.text ?? "").join("")).toBe(whole.choices[0]?.text);
});

// planted: base64 was written big-endian
test("embeddings agree in base64 (the SDK's default) and in floats, in any number of dimensions", async () => {
  const input = ["where is my parcel", "where is my package"];
  const inBase64 = await client.embeddings.create({ model: "simulated-embed", input });
  const inFloats = await client.embeddings.create({ model: "simulated-embed", input, encoding_format: "float" });
  expect(inBase64.data[0]?.embedding).toHaveLength(1024);
  expect(inBase64.data.map((entry) => entry.embedding)).toEqual(inFloats.data.map((entry) => entry.embedding));
  expect(inBase64.usage.prompt_tokens).toBe(input.reduce((sum, text) => sum + simulatedTokens(text), 0));
  const small = await client.embeddings.create({ model: "simulated-embed", input: "short", dimensions: 64 });
  expect(small.data[0]?.embedding).toHaveLength(64);
});

// planted: the error's code was the string "404"
test("errors carry vLLM's integer code and reach the SDK as its own classes", async () => {
  const ask = (body: object) =>
    client.chat.completions.create({ model: "simulated-small", messages: HELLO, ...body } as never);
  await expect(ask({ model: "no-such-model" })).rejects.toThrow(OpenAI.NotFoundError);
  await expect(ask({ model: "no-such-model" })).rejects.toMatchObject({
    status: 404,
    code: 404,
    type: "NotFoundError",
    param: "model",
  });
  await expect(ask({ temperature: -1 })).rejects.toMatchObject({
    status: 400,
    code: 400,
    type: "BadRequestError",
    param: "temperature",
  });
  await expect(ask({ messages: undefined })).rejects.toMatchObject({
    status: 400,
    message: expect.stringContaining("'loc': ('body', 'messages')"),
  });
  await expect(ask({ stream_options: { include_usage: true } })).rejects.toMatchObject({ status: 400 });
  await expect(ask({ messages: [{ role: "user", content: "x".repeat(140_000) }] })).rejects.toMatchObject({
    status: 400,
    message: expect.stringContaining(
      "This model's maximum context length is 32768 tokens. However, your request has 35003 input tokens.",
    ),
  });
  await expect(ask({ max_tokens: 40_000 })).rejects.toMatchObject({ status: 400, param: "max_tokens" });
  const stranger = new OpenAI({ baseURL: `${backend.url}/v1`, apiKey: "wrong", maxRetries: 0 });
  await expect(stranger.models.list()).rejects.toThrow(OpenAI.AuthenticationError);
});

// planted: unknown fields were answered 400
test("unknown fields are ignored silently and kept in the tally", async () => {
  await client.chat.completions.create(
    { model: "simulated-small", messages: HELLO, cache_salt: "tenant", made_up: { deep: [1] } } as never,
    { headers: { "x-request-id": "unknown-fields" } },
  );
  expect(backend.tally("unknown-fields")[0]?.body).toMatchObject({ cache_salt: "tenant", made_up: { deep: [1] } });
});

// planted: /version said 0.11.0 and nothing else
test("the surroundings of the API are vLLM's, say that they are simulated, and need no key", async () => {
  const models = await collect(client.models.list());
  expect(models.map((model) => model.id)).toEqual(
    expect.arrayContaining(["simulated-small", "simulated-large", "simulated-embed"]),
  );
  expect(models.every((model) => model.id.startsWith("simulated-"))).toBe(true);
  expect((await client.models.retrieve("simulated-small")).id).toBe("simulated-small");
  expect(await (await fetch(`${backend.url}/version`)).json()).toMatchObject({
    simulated: true,
    version: expect.stringContaining("simulated"),
  });
  expect((await fetch(`${backend.url}/health`)).status).toBe(200);
  expect(await (await fetch(`${backend.url}/load`)).json()).toEqual({ server_load: 0 });
  const body = JSON.stringify({ model: "simulated-small", prompt: "Grüezi 🙂" });
  expect(await (await fetch(`${backend.url}/tokenize`, { method: "POST", body })).json()).toMatchObject({
    count: simulatedTokens("Grüezi 🙂"),
  });
  expect((await fetch(`${backend.url}/v1/models`)).status).toBe(401);
});

// planted: prompt tokens were added twice
test("metrics carry vLLM's names and count what was generated", async () => {
  await client.chat.completions.create({
    model: "simulated-small!tokens=10",
    messages: [{ role: "user", content: "four" }],
  });
  const text = await (await fetch(`${backend.url}/metrics`)).text();
  for (const name of ["num_requests_running", "num_requests_waiting", "kv_cache_usage_perc"])
    expect(text).toMatch(new RegExp(`^vllm:${name}\\{.*\\} 0$`, "m"));
  expect(text).toMatch(/^vllm:generation_tokens_total\{.*\} 10$/m);
  expect(text).toMatch(/^vllm:prompt_tokens_total\{.*\} 4$/m);
  expect(text).toMatch(/^vllm:time_to_first_token_seconds_count\{.*\} 1$/m);
});
