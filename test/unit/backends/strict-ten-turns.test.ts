import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type SimulatedBackend, startBackend } from "../../../dev/backends/main.ts";
import { TIME_SCHEMA, WEATHER_SCHEMA } from "./sdk-kit.ts";

let backend: SimulatedBackend;
let openai: OpenAI;
let anthropic: Anthropic;

beforeAll(async () => {
  backend = await startBackend({ ttftMs: 0, tokensPerSecond: 0 });
  openai = new OpenAI({ baseURL: `${backend.url}/v1`, apiKey: "none", maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: backend.anthropicUrl, apiKey: "none", maxRetries: 0 });
});
beforeEach(() => backend.reset());
afterAll(() => backend.close());

const TURNS = 10;

/** Odd turns call two tools at once, even ones talk. */
function promptOf(turn: number): string {
  return turn % 2 === 1
    ? `[[sim:tools=get_weather,get_time]][[sim:reasoning=6]] turn ${turn}`
    : `turn ${turn}: just talk`;
}

const ANTHROPIC_ASK = {
  model: "simulated-strict",
  max_tokens: 2000,
  thinking: { type: "enabled" as const, budget_tokens: 1024 },
  tools: [
    { name: "get_weather", input_schema: WEATHER_SCHEMA },
    { name: "get_time", input_schema: TIME_SCHEMA },
  ],
};
const OPENAI_ASK = {
  model: "simulated-strict",
  tools: [
    { type: "function" as const, function: { name: "get_weather", parameters: WEATHER_SCHEMA, strict: true } },
    { type: "function" as const, function: { name: "get_time", parameters: TIME_SCHEMA, strict: true } },
  ],
};

async function anthropicHistory(): Promise<Anthropic.MessageParam[]> {
  const messages: Anthropic.MessageParam[] = [];
  for (let turn = 1; turn <= TURNS; turn += 1) {
    messages.push({ role: "user", content: promptOf(turn) });
    for (;;) {
      const answer = await anthropic.messages.create({ ...ANTHROPIC_ASK, messages });
      messages.push({ role: "assistant", content: answer.content });
      const calls = answer.content.filter((block) => block.type === "tool_use");
      if (calls.length === 0) break;
      expect(calls).toHaveLength(2);
      const results = calls.map(({ id }) => ({ type: "tool_result" as const, tool_use_id: id, content: "fine" }));
      messages.push({ role: "user", content: results });
    }
  }
  return messages;
}

async function openaiHistory(): Promise<OpenAI.ChatCompletionMessageParam[]> {
  const messages: OpenAI.ChatCompletionMessageParam[] = [];
  for (let turn = 1; turn <= TURNS; turn += 1) {
    messages.push({ role: "user", content: promptOf(turn) });
    for (;;) {
      const answer = (await openai.chat.completions.create({ ...OPENAI_ASK, messages })).choices[0]?.message;
      if (answer === undefined) throw new Error("no message");
      const { content, tool_calls: calls = [] } = answer;
      messages.push({ role: "assistant", content, ...(calls.length > 0 ? { tool_calls: calls } : {}) });
      if (calls.length === 0) break;
      expect(calls).toHaveLength(2);
      messages.push(...calls.map(({ id }) => ({ role: "tool" as const, tool_call_id: id, content: "fine" })));
    }
  }
  return messages;
}

/** Replaces the blocks of every message. */
function mapBlocks(
  messages: readonly Anthropic.MessageParam[],
  map: (blocks: Anthropic.ContentBlockParam[]) => Anthropic.ContentBlockParam[],
): Anthropic.MessageParam[] {
  return messages.map(({ role, content }) => ({
    role,
    content: typeof content === "string" ? content : map([...content]),
  })) as Anthropic.MessageParam[];
}

// planted: signatures were checked in the newest message alone; results were accepted in any order
test("a conversation of ten turns with tools and thinking is taken by the strict Anthropic twin, and no changed one is", async () => {
  const messages = await anthropicHistory();
  expect(messages.filter(({ role }) => role === "assistant")).toHaveLength(15);
  const upToResults = messages.slice(0, messages.findLastIndex(({ role }) => role === "assistant") - 1);
  const resend = (changed: Anthropic.MessageParam[]) =>
    anthropic.messages.create({ ...ANTHROPIC_ASK, messages: [...changed, { role: "user", content: "and now?" }] });
  expect((await resend(messages)).type).toBe("message");
  await expect(
    resend(
      mapBlocks(messages, (blocks) =>
        blocks.map((block) => (block.type === "thinking" ? { ...block, signature: "eA==" } : block)),
      ),
    ),
  ).rejects.toThrow("Invalid `signature` in `thinking` block");
  await expect(
    resend(
      mapBlocks(messages, (blocks) =>
        blocks.map((block) => (block.type === "thinking" ? { ...block, thinking: `${block.thinking}.` } : block)),
      ),
    ),
  ).rejects.toThrow("Invalid `signature`");
  await expect(
    resend(mapBlocks(messages, (blocks) => blocks.filter(({ type }) => type !== "tool_use"))),
  ).rejects.toThrow("unexpected `tool_use_id` found in `tool_result` blocks");
  await expect(
    resend(messages.filter(({ content }) => typeof content === "string" || content[0]?.type !== "tool_result")),
  ).rejects.toThrow("`tool_use` ids were found without `tool_result` blocks immediately after");
  const talkFirst = mapBlocks(messages, (blocks) =>
    blocks[0]?.type === "tool_result" ? [{ type: "text", text: "here they are" }, ...blocks] : blocks,
  );
  await expect(resend(talkFirst)).rejects.toThrow("immediately after");
  // The loop that is open: its thinking may not be missing.
  const open = upToResults.slice(
    0,
    upToResults.findLastIndex(({ content }) => typeof content !== "string" && content[0]?.type === "tool_result") + 1,
  );
  const send = (changed: Anthropic.MessageParam[]) =>
    anthropic.messages.create({ ...ANTHROPIC_ASK, messages: changed });
  expect((await send(open)).type).toBe("message");
  await expect(send(mapBlocks(open, (blocks) => blocks.filter(({ type }) => type !== "thinking")))).rejects.toThrow(
    "must start with a thinking block",
  );
});

// planted: unanswered calls were looked for in the last message alone
test("a conversation of ten turns with tools is taken by the strict OpenAI twin, and no changed one is", async () => {
  const messages = await openaiHistory();
  expect(messages.filter(({ role }) => role === "assistant")).toHaveLength(15);
  const resend = (changed: object[]) =>
    openai.chat.completions.create({
      ...OPENAI_ASK,
      messages: [...changed, { role: "user", content: "and now?" }] as OpenAI.ChatCompletionMessageParam[],
    });
  expect((await resend(messages)).object).toBe("chat.completion");
  const firstResult = messages.findIndex(({ role }) => role === "tool");
  await expect(resend(messages.toSpliced(firstResult, 1))).rejects.toThrow("did not have response messages: call_");
  await expect(resend(messages.toSpliced(firstResult - 1, 1))).rejects.toThrow(
    "must be a response to a preceeding message",
  );
  await expect(
    resend(messages.toSpliced(0, 0, { role: "user", content: [{ type: "text" }] } as never)),
  ).rejects.toThrow("messages[0].content[0].text");
});
