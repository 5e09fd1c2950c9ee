import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type SimulatedBackend, startBackend } from "../../../dev/backends/main.ts";
import { collect } from "./raw-client.ts";
import { complaintsOf, PERSON_SCHEMA, PIXEL, TIME_SCHEMA, WEATHER_SCHEMA } from "./sdk-kit.ts";

let backend: SimulatedBackend;
let client: OpenAI;

beforeAll(async () => {
  backend = await startBackend({ ttftMs: 0, tokensPerSecond: 0, promptTokensDetails: true });
  client = new OpenAI({ baseURL: `${backend.url}/v1`, apiKey: "none", maxRetries: 0 });
});
beforeEach(() => backend.reset());
afterAll(() => backend.close());

type Ask = OpenAI.ChatCompletionCreateParamsNonStreaming;

const TOOLS: OpenAI.ChatCompletionTool[] = [
  { type: "function", function: { name: "get_weather", parameters: WEATHER_SCHEMA } },
  { type: "function", function: { name: "get_time", parameters: TIME_SCHEMA } },
];

function ask(content: string, change: Partial<Ask> = {}): Ask {
  return { model: "simulated-small", messages: [{ role: "user", content }], tools: TOOLS, ...change };
}

function namesOf(message: OpenAI.ChatCompletionMessage | undefined): string[] {
  return (message?.tool_calls ?? []).map((call) => (call.type === "function" ? call.function.name : call.type));
}

async function messageFor(asked: Ask): Promise<OpenAI.ChatCompletionMessage | undefined> {
  return (await client.chat.completions.create(asked)).choices[0]?.message;
}

// planted: the arguments were made without the schema
test("parallel calls satisfy their schemas and carry unlike ids", async () => {
  const answer = await client.chat.completions.create(ask("[[sim:tools=get_weather,get_time,get_weather]] go"));
  const calls = answer.choices[0]?.message.tool_calls ?? [];
  expect(answer.choices[0]?.finish_reason).toBe("tool_calls");
  expect(namesOf(answer.choices[0]?.message)).toEqual(["get_weather", "get_time", "get_weather"]);
  expect(new Set(calls.map(({ id }) => id)).size).toBe(3);
  for (const call of calls) {
    if (call.type !== "function") throw new Error("only functions were offered");
    const schema = call.function.name === "get_time" ? TIME_SCHEMA : WEATHER_SCHEMA;
    expect(complaintsOf(schema, JSON.parse(call.function.arguments))).toBeUndefined();
    expect(call.id).toMatch(/^call_[0-9a-f]{24}$/);
  }
});

// planted: the second call's fragments carried the index of the first
test("streamed calls interleave, and the SDK puts them together to the same message", async () => {
  const asked = ask("[[sim:tools=get_weather,get_time]][[sim:text-before=Let me look.]] go");
  const whole = await messageFor(asked);
  expect(whole?.content).toBe("Let me look.");
  const stream = client.chat.completions.stream({ ...asked, stream: true });
  const indexes: number[] = [];
  stream.on("chunk", (chunk) => indexes.push(...(chunk.choices[0]?.delta.tool_calls ?? []).map(({ index }) => index)));
  const streamed = (await stream.finalChatCompletion()).choices[0]?.message;
  expect(streamed?.content).toBe("Let me look.");
  expect(streamed?.tool_calls).toMatchObject(whole?.tool_calls ?? []);
  expect(indexes.join("")).toMatch(/^0011(01)+/);
});

// planted: fragments were cut at token boundaries whatever was asked
test("fragments of any length join to the same arguments, also inside escapes and emoji", async () => {
  const prompt = '[[sim:tools=get_weather]][[sim:tool-input={"city":"Z\\"ü🙂\\n","days":3}]]';
  for (const every of [1, 2, 3, 7]) {
    const chunks = await collect(
      await client.chat.completions.create({ ...ask(`${prompt}[[sim:fragments=${every}]]`), stream: true }),
    );
    const parts = chunks
      .flatMap((chunk) => chunk.choices[0]?.delta.tool_calls ?? [])
      .flatMap((call) => call.function?.arguments ?? []);
    expect(parts.slice(1, -1).every((part) => part.length === every)).toBe(true);
    expect(JSON.parse(parts.join(""))).toEqual({ city: 'Z"ü🙂\n', days: 3 });
  }
});

// planted: tool_choice none was overridden by the marker; required was ignored
test("tool_choice decides, then markers, then a tool that the user names", async () => {
  const named = { type: "function" as const, function: { name: "get_time" } };
  expect(namesOf(await messageFor(ask("hello")))).toEqual([]);
  expect(namesOf(await messageFor(ask("please use get_time now")))).toEqual(["get_time"]);
  expect(namesOf(await messageFor(ask("forget_timer is another word")))).toEqual([]);
  expect(namesOf(await messageFor(ask("hello", { tool_choice: "required" })))).toEqual(["get_weather"]);
  expect(namesOf(await messageFor(ask("hello", { tool_choice: named })))).toEqual(["get_time"]);
  expect(namesOf(await messageFor(ask("[[sim:tools=get_time]]", { tool_choice: "none" })))).toEqual([]);
  const both = "[[sim:tools=get_time,get_weather]]";
  expect(namesOf(await messageFor(ask(both, { parallel_tool_calls: false })))).toEqual(["get_time"]);
});

// planted: the marker of the first turn went on working in the second
test("a second turn with results answers in text that mentions them", async () => {
  const first = ask("[[sim:tools=get_weather,get_time]] go");
  const called = await messageFor(first);
  if (called === undefined) throw new Error("no message");
  const results = (called.tool_calls ?? []).map(
    ({ id }, index) => ({ role: "tool", tool_call_id: id, content: `result ${index} 🙂` }) as const,
  );
  const second = { ...first, messages: [...first.messages, called, ...results] };
  const answer = await messageFor(second);
  expect(namesOf(answer)).toEqual([]);
  expect(answer?.content).toContain("get_weather said result 0 🙂");
  expect(answer?.content).toContain("get_time said result 1 🙂");
});

// planted: json_schema was answered in prose; bad-json spoilt every answer
test("structured answers satisfy their schema; a marker spoils the first of a conversation", async () => {
  const format = { type: "json_schema" as const, json_schema: { name: "person", schema: PERSON_SCHEMA } };
  const complaints = (text: string | null | undefined) => complaintsOf(PERSON_SCHEMA, JSON.parse(text ?? ""));
  const structured = (prompt: string, change: object = { response_format: format }) =>
    messageFor({ model: "simulated-small", messages: [{ role: "user", content: prompt }], ...change });
  expect(complaints((await structured("who?"))?.content)).toBeUndefined();
  for (const change of [{ structured_outputs: { json: PERSON_SCHEMA } }, { guided_json: PERSON_SCHEMA }])
    expect(complaints((await structured("who?", change))?.content)).toBeUndefined();
  const plain = async (change: object) => (await structured("which?", { structured_outputs: change }))?.content;
  expect(["red", "green"]).toContain(await plain({ choice: ["red", "green"] }));
  expect(await plain({ regex: "[a-c]{3}-\\d" })).toMatch(/^[a-c]{3}-\d$/);
  const unbound = (await structured("who?", { response_format: { type: "json_object" } }))?.content ?? "";
  expect(JSON.parse(unbound)).toBeTypeOf("object");
  const spoilt = (await structured("[[sim:bad-json=1]] whose?"))?.content ?? "";
  expect(() => JSON.parse(spoilt)).toThrow(SyntaxError);
  expect(complaints((await structured("[[sim:bad-json=1]] whose?"))?.content)).toBeUndefined();
  expect(complaints((await structured("[[sim:bad-schema]] whose?"))?.content)).toBeDefined();
});

// planted: the effort was ignored; reasoning tokens were left out of usage
test("reasoning is asked for by effort, counted in usage, and left out where the caller does not want it", async () => {
  const asked = { ...ask("think"), reasoning_effort: "high" as const };
  const answer = await client.chat.completions.create(asked);
  expect(answer.usage?.completion_tokens_details?.reasoning_tokens).toBe(24);
  expect(answer.choices[0]?.message).toMatchObject({ reasoning: expect.stringMatching(/./) });
  const other = await messageFor(ask("[[sim:reasoning=5]][[sim:reasoning-field=reasoning_content]]"));
  expect(other).toMatchObject({ reasoning_content: expect.stringMatching(/./) });
  expect(other).not.toHaveProperty("reasoning");
  const hidden = { ...asked, include_reasoning: false } as Ask;
  expect(await messageFor(hidden)).toMatchObject({ reasoning: null });
  const chunks = await collect(await client.chat.completions.create({ ...hidden, stream: true }));
  expect(JSON.stringify(chunks)).not.toContain("reasoning");
});

// planted: the stream's log probabilities began anew at each chunk
test("log probabilities are the same streamed and whole, with as many alternatives as asked", async () => {
  const asked = ask("hello", { logprobs: true, top_logprobs: 2, max_tokens: 9 });
  const whole = await client.chat.completions.create(asked);
  const content = whole.choices[0]?.logprobs?.content ?? [];
  expect(content.map(({ token }) => token).join("")).toBe(whole.choices[0]?.message.content);
  expect(content.every(({ top_logprobs: top, logprob }) => top.length === 2 && logprob <= 0)).toBe(true);
  const chunks = await collect(await client.chat.completions.create({ ...asked, stream: true }));
  expect(chunks.flatMap((chunk) => chunk.choices[0]?.logprobs?.content ?? [])).toEqual(content);
  await expect(messageFor(ask("hello", { top_logprobs: 2 }))).rejects.toMatchObject({ status: 400 });
});

// planted: offsets counted bytes
test("completions report log probabilities in parallel lists, the same streamed and whole", async () => {
  const asked = { model: "simulated-small", prompt: "hello", logprobs: 2, max_tokens: 60, seed: 3 };
  const whole = (await client.completions.create(asked)).choices[0];
  const { tokens = [], text_offset: offsets = [], top_logprobs: top = [] } = whole?.logprobs ?? {};
  expect(tokens.join("")).toBe(whole?.text);
  expect(offsets.every((offset, index) => whole?.text.startsWith(tokens[index] ?? "?", offset))).toBe(true);
  expect(top.every((entry) => Object.keys(entry).length === 2)).toBe(true);
  const chunks = await collect(await client.completions.create({ ...asked, stream: true }));
  expect(chunks.flatMap((chunk) => chunk.choices[0]?.logprobs?.text_offset ?? [])).toEqual(offsets);
});

// planted: the salt was not part of the prefix
test("a prefix that came before is reported as cached, per salt; the tier is echoed", async () => {
  const long = "a rather long beginning that is shared by several requests of one tenant, so that blocks are full";
  const cachedOf = async (salt: string) => {
    const messages = [
      { role: "system" as const, content: long },
      { role: "user" as const, content: "go on" },
    ];
    const answer = await client.chat.completions.create({ ...ask(""), messages, cache_salt: salt } as Ask);
    return answer.usage?.prompt_tokens_details?.cached_tokens;
  };
  expect([await cachedOf("one"), await cachedOf("one"), await cachedOf("two")]).toEqual([0, 16, 0]);
  expect((await client.chat.completions.create(ask("x", { service_tier: "flex" }))).service_tier).toBe("flex");
  expect((await client.chat.completions.create(ask("x", { service_tier: "auto" }))).service_tier).toBe("default");
});

// planted: a data URL was taken for an http URL
test("images are described by type and size, never fetched, and stand in the tally", async () => {
  const content = [
    { type: "text" as const, text: "what is this?" },
    { type: "image_url" as const, image_url: { url: `data:image/png;base64,${PIXEL}` } },
    { type: "image_url" as const, image_url: { url: "http://192.0.2.1/never.jpg" } },
  ];
  const answer = await client.chat.completions.create(
    { model: "simulated-small", messages: [{ role: "user", content }] },
    { headers: { "x-request-id": "pictures" } },
  );
  const bytes = Buffer.from(PIXEL, "base64").length;
  expect(answer.choices[0]?.message.content).toContain(`an image (image/png, ${bytes} bytes)`);
  expect(answer.choices[0]?.message.content).toContain("by URL, not fetched, http://192.0.2.1/never.jpg");
  expect(backend.tally("pictures")[0]?.attachments).toEqual([
    { kind: "image", source: "inline", mediaType: "image/png", bytes },
    { kind: "image", source: "url", name: "http://192.0.2.1/never.jpg" },
  ]);
});

// planted: the refusal stood in content
test("a refusal has its own field", async () => {
  expect(await messageFor(ask("[[sim:refusal=I would rather not.]]"))).toMatchObject({
    content: null,
    refusal: "I would rather not.",
  });
});

// planted: the stream left the annotations out
test("a citation is an annotation, streamed and whole", async () => {
  const asked = ask("[[sim:citations]] and where is that written?");
  const annotations = (await messageFor(asked))?.annotations;
  expect(annotations).toMatchObject([{ type: "url_citation", url_citation: { url: "https://example.invalid/page" } }]);
  const chunks = await collect(await client.chat.completions.create({ ...asked, stream: true }));
  expect(chunks.filter((chunk) => JSON.stringify(chunk).includes("url_citation"))).toHaveLength(1);
});
