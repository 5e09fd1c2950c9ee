import Anthropic from "@anthropic-ai/sdk";
import type OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestStack, type TestStack } from "../support/stack.ts";
import { TIME_SCHEMA, WEATHER_SCHEMA } from "../unit/backends/sdk-kit.ts";

/**
 * A conversation of ten turns with tools (and thinking where the provider has it), as the official SDKs hold it, through the gateway to strict twins
 * of both providers (simulated): each turn sends all that came before, and a twin refuses what its provider would: an id that answers nothing, a
 * result in the wrong place, a signature that was never issued, a field that it does not know.
 */
const TURNS = 10;

/** Odd turns call two tools at once, even ones talk. */
const promptOf = (turn: number): string =>
  turn % 2 === 1 ? `[[sim:tools=get_weather,get_time]][[sim:reasoning=6]] turn ${turn}` : `turn ${turn}: just talk`;

let stack: TestStack;

beforeAll(async () => {
  stack = await startTestStack({ cron: false });
  for (const format of ["anthropic", "openai"])
    await stack.fault("cloud", { match: { format }, markers: { strict: "1" } });
});
afterAll(() => stack?.stop());

const TOOLS = [
  { name: "get_weather", schema: WEATHER_SCHEMA },
  { name: "get_time", schema: TIME_SCHEMA },
];

async function byAnthropic(model: string): Promise<Anthropic.MessageParam[]> {
  const messages: Anthropic.MessageParam[] = [];
  for (let turn = 1; turn <= TURNS; turn++) {
    messages.push({ role: "user", content: promptOf(turn) });
    for (;;) {
      const answer = await stack.anthropic.messages.create({ ...anthropicAsk(model), messages });
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

const anthropicAsk = (model: string) => ({
  model,
  max_tokens: 2_000,
  system: [
    { type: "text" as const, text: "Answer as a harbour pilot would." },
    { type: "text" as const, text: "Be brief.", cache_control: { type: "ephemeral" as const } },
  ],
  thinking: { type: "enabled" as const, budget_tokens: 1_024 },
  tools: TOOLS.map(({ name, schema }) => ({ name, input_schema: schema })),
});

async function byOpenAi(model: string): Promise<OpenAI.ChatCompletionMessageParam[]> {
  const messages: OpenAI.ChatCompletionMessageParam[] = [];
  const tools = TOOLS.map(({ name, schema }) => ({
    type: "function" as const,
    function: { name, parameters: schema, strict: true },
  }));
  for (let turn = 1; turn <= TURNS; turn++) {
    messages.push({ role: "user", content: promptOf(turn) });
    for (;;) {
      const { choices } = await stack.openai.chat.completions.create({ model, tools, messages });
      const { content = null, tool_calls: calls = [] } = choices[0]?.message ?? {};
      messages.push({ role: "assistant", content, ...(calls.length > 0 && { tool_calls: calls }) });
      if (calls.length === 0) break;
      expect(calls).toHaveLength(2);
      messages.push(...calls.map(({ id }) => ({ role: "tool" as const, tool_call_id: id, content: "fine" })));
    }
  }
  return messages;
}

describe.each(["claude", "cloud"])("ten turns at %s, of a strict provider", (model) => {
  // planted: the id of a result changed on its way into OpenAI's format
  test("are taken from a client of Anthropic's format", async () => {
    const messages = await byAnthropic(model);
    expect(messages.filter(({ role }) => role === "assistant")).toHaveLength(15);
  });

  // planted: the id of a result changed on its way into Anthropic's format
  test("are taken from a client of OpenAI's format", async () => {
    const messages = await byOpenAi(model);
    expect(messages.filter(({ role }) => role === "assistant")).toHaveLength(15);
  });
});

test("a signature that was changed on the way is refused in the provider's words", async () => {
  const messages = await byAnthropic("claude");
  const forged = messages.map(({ role, content }) => ({
    role,
    content:
      typeof content === "string"
        ? content
        : content.map((block) => (block.type === "thinking" ? { ...block, signature: "eA==" } : block)),
  })) as Anthropic.MessageParam[];
  const sent = stack.anthropic.messages.create({
    ...anthropicAsk("claude"),
    messages: [...forged, { role: "user", content: "and now?" }],
  });
  await expect(sent).rejects.toBeInstanceOf(Anthropic.BadRequestError);
  await expect(sent).rejects.toThrow("signature");
});
