import type { Json, JsonObject } from "../../src/core/json.ts";

/** Conversations of ten turns, each with reasoning, two calls of tools and their results, in both formats; and what a strict provider checks of one. */

const TURNS = 10;
const EPHEMERAL = { type: "ephemeral" };
const SCHEMA = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const turns = Array.from({ length: TURNS }, (_, turn) => turn);
const cityOf = (turn: number, call: number) => `Ort ${turn}.${call} é🌊`;

export const anthropicConversation: JsonObject = {
  model: "chat",
  max_tokens: 4_096,
  system: [
    { type: "text", text: "Be brief.", cache_control: { type: "ephemeral", ttl: "1h" } },
    { type: "text", text: "Be kind." },
  ],
  tools: [
    { name: "weather", description: "The weather", input_schema: SCHEMA },
    { name: "time", input_schema: SCHEMA, cache_control: EPHEMERAL },
  ],
  thinking: { type: "enabled", budget_tokens: 2_048 },
  messages: turns.flatMap((turn): Json[] => [
    {
      role: "user",
      content: [
        ...(turn === 0
          ? []
          : [0, 1].map((call) => ({
              type: "tool_result",
              tool_use_id: `toolu_${turn - 1}_${call}`,
              content: [{ type: "text", text: `result ${turn - 1}.${call}` }],
            }))),
        { type: "text", text: `question ${turn}`, ...(turn === TURNS - 1 && { cache_control: EPHEMERAL }) },
      ],
    },
    ...(turn === TURNS - 1
      ? []
      : [
          {
            role: "assistant",
            content: [
              { type: "thinking", thinking: `thought ${turn}`, signature: `sig/${turn}==` },
              { type: "redacted_thinking", data: `hidden/${turn}==` },
              { type: "text", text: `answer ${turn}` },
              ...[0, 1].map((call) => ({
                type: "tool_use",
                id: `toolu_${turn}_${call}`,
                name: call === 0 ? "weather" : "time",
                input: { city: cityOf(turn, call) },
              })),
            ],
          },
        ]),
  ]),
};

export const openAiConversation: JsonObject = {
  model: "chat",
  max_tokens: 4_096,
  messages: [
    {
      role: "system",
      content: [
        { type: "text", text: "Be brief.", cache_control: { type: "ephemeral", ttl: "1h" } },
        { type: "text", text: "Be kind." },
      ],
    },
    ...turns.flatMap((turn): Json[] => [
      { role: "user", content: `question ${turn}` },
      ...(turn === TURNS - 1
        ? []
        : [
            {
              role: "assistant",
              content: `answer ${turn}`,
              reasoning: `thought ${turn}`,
              tool_calls: [0, 1].map((call) => ({
                id: `call_${turn}_${call}`,
                type: "function",
                function: {
                  name: call === 0 ? "weather" : "time",
                  arguments: JSON.stringify({ city: cityOf(turn, call) }),
                },
              })),
            },
            ...[0, 1].map((call) => ({
              role: "tool",
              tool_call_id: `call_${turn}_${call}`,
              content: `result ${turn}.${call}`,
            })),
          ]),
    ]),
  ],
  tools: ["weather", "time"].map((name) => ({ type: "function", function: { name, parameters: SCHEMA } })),
  parallel_tool_calls: true,
};

interface OpenAiMessage {
  readonly role: string;
  readonly content: Json;
  readonly reasoning?: string;
  readonly tool_calls?: readonly { readonly id: string; readonly function: { readonly arguments: string } }[];
  readonly tool_call_id?: string;
}

/** What OpenAI refuses: calls whose answers do not stand right behind them, answers to no call, arguments that are no text. */
export function complaintsOfOpenAi(body: JsonObject): readonly string[] {
  const complaints: string[] = [];
  let open: string[] = [];
  for (const [index, message] of (body.messages as unknown as readonly OpenAiMessage[]).entries()) {
    const at = `messages[${index}]`;
    if (message.role === "tool") {
      if (!open.includes(message.tool_call_id ?? "")) complaints.push(`${at} answers no call`);
      open = open.filter((id) => id !== message.tool_call_id);
      if (typeof message.content !== "string") complaints.push(`${at} has parts`);
    } else if (open.length > 0) {
      complaints.push(`${at} stands before the answers to ${open.join()}`);
      open = [];
    }
    for (const call of message.tool_calls ?? []) {
      if (typeof call.function.arguments !== "string") complaints.push(`${at} has arguments that are no text`);
      open.push(call.id);
    }
  }
  return complaints;
}

interface AnthropicBlock {
  readonly type: string;
  readonly id?: string;
  readonly tool_use_id?: string;
  readonly input?: Json;
  readonly text?: string;
  readonly signature?: string;
}

/** What Anthropic refuses: turns that do not alternate, calls that the next message does not answer first and whole, thinking without a signature, empty texts. */
export function complaintsOfAnthropic(body: JsonObject): readonly string[] {
  const complaints: string[] = [];
  let open: string[] = [];
  let before = "";
  const messages = body.messages as unknown as readonly { role: string; content: string | readonly AnthropicBlock[] }[];
  for (const [index, { role, content }] of messages.entries()) {
    const at = `messages[${index}]`;
    if (role === before) complaints.push(`${at} follows another of ${role}`);
    before = role;
    const blocks = typeof content === "string" ? [{ type: "text", text: content }] : content;
    const answered = blocks
      .filter(({ type }) => type === "tool_result")
      .map((block) => (block as AnthropicBlock).tool_use_id);
    if (JSON.stringify(answered) !== JSON.stringify(open))
      complaints.push(`${at} answers ${answered.join()}, not ${open.join()}`);
    if (blocks.slice(0, answered.length).some(({ type }) => type !== "tool_result"))
      complaints.push(`${at} speaks first`);
    open = [];
    for (const block of blocks as readonly AnthropicBlock[]) {
      if (block.type === "text" && !block.text) complaints.push(`${at} has an empty text`);
      if (block.type === "thinking" && !block.signature) complaints.push(`${at} has thinking without a signature`);
      if (block.type !== "tool_use") continue;
      if (typeof block.input !== "object" || !/^[\w-]+$/.test(block.id ?? ""))
        complaints.push(`${at} has a malformed call`);
      open.push(block.id ?? "");
    }
  }
  if (messages[0]?.role !== "user") complaints.push("the first turn is not the user's");
  return complaints;
}
