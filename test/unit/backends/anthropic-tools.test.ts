import Anthropic from "@anthropic-ai/sdk";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type SimulatedBackend, startBackend } from "../../../dev/backends/main.ts";
import { complaintsOf, PERSON_SCHEMA, PIXEL, TIME_SCHEMA, WEATHER_SCHEMA } from "./sdk-kit.ts";

let backend: SimulatedBackend;
let client: Anthropic;

beforeAll(async () => {
  backend = await startBackend({ ttftMs: 0, tokensPerSecond: 0 });
  client = new Anthropic({ baseURL: backend.anthropicUrl, apiKey: "none", maxRetries: 0 });
});
beforeEach(() => backend.reset());
afterAll(() => backend.close());

type Ask = Anthropic.MessageCreateParamsNonStreaming;

const TOOLS: Anthropic.Tool[] = [
  { name: "get_weather", input_schema: WEATHER_SCHEMA },
  { name: "get_time", input_schema: TIME_SCHEMA },
];
const THINKING = { type: "enabled", budget_tokens: 1024 } as const;

function ask(content: Anthropic.MessageParam["content"], change: Partial<Ask> = {}): Ask {
  return { model: "simulated-small", max_tokens: 2000, messages: [{ role: "user", content }], tools: TOOLS, ...change };
}

function callsOf(message: Anthropic.Message): Anthropic.ToolUseBlock[] {
  return message.content.filter((block) => block.type === "tool_use");
}

async function namesFor(asked: Ask): Promise<string[]> {
  return callsOf(await client.messages.create(asked)).map(({ name }) => name);
}

// planted: all calls of an answer shared one id
test("parallel calls are blocks one after the other, each with an input of its schema, streamed and whole", async () => {
  const asked = ask("[[sim:tools=get_weather,get_time,get_weather]][[sim:text-before=Let me look.]] go", {
    thinking: THINKING,
  });
  const whole = await client.messages.create(asked);
  expect(whole.stop_reason).toBe("tool_use");
  expect(whole.content.map(({ type }) => type)).toEqual(["thinking", "text", "tool_use", "tool_use", "tool_use"]);
  expect(new Set(callsOf(whole).map(({ id }) => id)).size).toBe(3);
  for (const { name, input, id } of callsOf(whole)) {
    expect(complaintsOf(name === "get_time" ? TIME_SCHEMA : WEATHER_SCHEMA, input)).toBeUndefined();
    expect(id).toMatch(/^toolu_[0-9a-f]{24}$/);
  }
  const stream = client.messages.stream(asked);
  const indexes: number[] = [];
  stream.on("streamEvent", (event) => {
    if (event.type === "content_block_delta") indexes.push(event.index);
  });
  expect((await stream.finalMessage()).content).toEqual(whole.content);
  expect(indexes).toEqual(indexes.toSorted((left, right) => left - right));
});

// planted: disable_parallel_tool_use was ignored; type any did not force a call
test("tool_choice decides, then markers, then a tool that the user names", async () => {
  const both = "[[sim:tools=get_time,get_weather]]";
  expect(await namesFor(ask("hello"))).toEqual([]);
  expect(await namesFor(ask("please use get_time now"))).toEqual(["get_time"]);
  expect(await namesFor(ask("hello", { tool_choice: { type: "any" } }))).toEqual(["get_weather"]);
  expect(await namesFor(ask("hello", { tool_choice: { type: "tool", name: "get_time" } }))).toEqual(["get_time"]);
  expect(await namesFor(ask(both, { tool_choice: { type: "none" } }))).toEqual([]);
  expect(await namesFor(ask(both, { tool_choice: { type: "auto", disable_parallel_tool_use: true } }))).toEqual([
    "get_time",
  ]);
});

// planted: results inside blocks were not read
test("a second turn with results answers in text that mentions them", async () => {
  const first = ask("[[sim:tools=get_weather,get_time]] go");
  const called = await client.messages.create(first);
  const content = callsOf(called).map(({ id }, index): Anthropic.ToolResultBlockParam => {
    const text = `result ${index}`;
    return { type: "tool_result", tool_use_id: id, content: index === 0 ? text : [{ type: "text", text }] };
  });
  const messages = [
    ...first.messages,
    { role: "assistant" as const, content: called.content },
    { role: "user" as const, content },
  ];
  const answer = await client.messages.create({ ...first, messages });
  expect(answer.content).toMatchObject([
    { type: "text", text: expect.stringContaining("get_weather said result 0. get_time said result 1.") },
  ]);
});

// planted: output_config was not looked at
test("structured answers satisfy their schema; a marker spoils the first of a conversation", async () => {
  const output_config = { format: { type: "json_schema" as const, schema: PERSON_SCHEMA } };
  const textFor = async (prompt: string) => {
    const [block] = (await client.messages.create(ask(prompt, { output_config }))).content;
    return block?.type === "text" ? block.text : "";
  };
  expect(complaintsOf(PERSON_SCHEMA, JSON.parse(await textFor("who?")))).toBeUndefined();
  const spoilt = await textFor("[[sim:bad-json=1]] whose?");
  expect(() => JSON.parse(spoilt)).toThrow(SyntaxError);
  expect(complaintsOf(PERSON_SCHEMA, JSON.parse(await textFor("[[sim:bad-json=1]] whose?")))).toBeUndefined();
});

// planted: the signature did not depend on the thinking; thinking was shown though omitted
test("thinking is signed, may be redacted or omitted, and streams to the same blocks", async () => {
  const first = ask("one", { thinking: THINKING });
  const second = ask("two", { thinking: THINKING });
  const [one] = (await client.messages.create(first)).content;
  const [two] = (await client.messages.create(second)).content;
  if (one?.type !== "thinking" || two?.type !== "thinking") throw new Error("no thinking");
  expect(one.signature).not.toBe(two.signature);
  const redacted = ask("[[sim:redacted]] one", { thinking: THINKING });
  const sealed = (await client.messages.create(redacted)).content;
  expect(sealed.map(({ type }) => type)).toEqual(["redacted_thinking", "text"]);
  const omitted = ask("one", { thinking: { ...THINKING, display: "omitted" } });
  expect((await client.messages.create(omitted)).content[0]).toMatchObject({
    thinking: "",
    signature: expect.stringMatching(/./),
  });
  for (const asked of [first, redacted, omitted])
    expect((await client.messages.stream(asked).finalMessage()).content).toEqual(
      (await client.messages.create(asked)).content,
    );
});

// planted: what was written counted as input too; the hour was counted as five minutes
test("cache marks write once and read afterwards, and the counts add up", async () => {
  const mark = { type: "ephemeral" as const };
  const system = [
    {
      type: "text" as const,
      text: "A long instruction that stays the same.",
      cache_control: { ...mark, ttl: "1h" as const },
    },
  ];
  const asked = ask([{ type: "text", text: "The first question, marked.", cache_control: mark }], { system });
  const { usage: first } = await client.messages.create(asked);
  const total = (usage: Anthropic.Usage) =>
    usage.input_tokens + (usage.cache_creation_input_tokens ?? 0) + (usage.cache_read_input_tokens ?? 0);
  expect(first.cache_read_input_tokens).toBe(0);
  expect(first.cache_creation?.ephemeral_1h_input_tokens).toBeGreaterThan(0);
  expect(first.cache_creation?.ephemeral_5m_input_tokens).toBeGreaterThan(0);
  const { usage: again } = await client.messages.create(asked);
  expect(again).toMatchObject({
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: first.cache_creation_input_tokens,
  });
  const { usage: other } = await client.messages.create(ask("Another question", { system }));
  expect(other.cache_read_input_tokens).toBe(first.cache_creation?.ephemeral_1h_input_tokens);
  const { max_tokens: _, ...counted } = asked;
  const { input_tokens: counts } = await client.messages.countTokens(counted);
  expect([total(first), total(again)]).toEqual([counts, counts]);
});

// planted: the size was that of the base64 text
test("images and documents are described by type and size, never fetched, and stand in the tally", async () => {
  const content: Anthropic.ContentBlockParam[] = [
    { type: "image", source: { type: "base64", media_type: "image/png", data: PIXEL } },
    { type: "image", source: { type: "url", url: "http://192.0.2.1/never.jpg" } },
    { type: "document", title: "notes", source: { type: "text", media_type: "text/plain", data: "five bytes" } },
  ];
  const answer = await client.messages.create(ask(content), { headers: { "x-request-id": "pictures" } });
  const bytes = Buffer.from(PIXEL, "base64").length;
  const expected = `an image (image/png, ${bytes} bytes). I was shown an image (unknown type, by URL, not fetched, http://192.0.2.1/never.jpg). I was shown a file (text/plain, 10 bytes, notes)`;
  expect(answer.content).toMatchObject([{ text: expect.stringContaining(expected) }]);
  expect(backend.tally("pictures")[0]?.attachments).toHaveLength(3);
});

// planted: a refusal ended the turn as usual
test("a refusal has its own stop reason", async () => {
  const answer = await client.messages.create(ask("[[sim:refusal=I would rather not.]]"));
  expect(answer).toMatchObject({ stop_reason: "refusal", content: [{ text: "I would rather not." }] });
});

// planted: the whole block left the citation out
test("a document is cited in the text block, streamed and whole", async () => {
  const source = { type: "text" as const, media_type: "text/plain" as const, data: "five bytes" };
  const asked = ask([
    { type: "document", title: "notes", source, citations: { enabled: true } },
    { type: "text", text: "[[sim:citations]] what does it say?" },
  ]);
  const whole = await client.messages.create(asked);
  expect(whole.content).toMatchObject([
    { type: "text", citations: [{ type: "char_location", document_index: 0, document_title: "notes" }] },
  ]);
  expect((await client.messages.stream(asked).finalMessage()).content).toEqual(whole.content);
});
