import type Anthropic from "@anthropic-ai/sdk";
import type OpenAI from "openai";
import type { Client, Question, Tool } from "./client-suite.ts";

type Content = Pick<Client, "chat" | "useTools" | "structured">;

/** The `openai` package as the suite wants it. */
export function officialOpenAi({ openai }: { readonly openai: OpenAI }): Content {
  const asked = ({ model, system, text, image, maxTokens, temperature }: Question) => ({
    model,
    max_tokens: maxTokens,
    temperature,
    messages: [
      { role: "system", content: system },
      {
        role: "user",
        content: [
          { type: "text", text },
          ...(image ? [{ type: "image_url" as const, image_url: { url: dataUrl(image) } }] : []),
        ],
      },
    ] satisfies OpenAI.ChatCompletionMessageParam[],
  });
  return {
    async chat(question) {
      const { choices, usage } = await openai.chat.completions.create(asked(question));
      return {
        text: choices[0]?.message.content ?? "",
        inputTokens: usage?.prompt_tokens,
        outputTokens: usage?.completion_tokens,
        pieces: 1,
      };
    },
    async useTools(question, tools) {
      const offered = tools.map(({ name, description, schema }) => ({
        type: "function" as const,
        function: { name, description, parameters: schema },
      }));
      const first = asked(question);
      const say = async (messages: OpenAI.ChatCompletionMessageParam[]) => {
        const completion = await openai.chat.completions
          .stream({ ...first, messages, tools: offered })
          .finalChatCompletion();
        return completion.choices[0]?.message;
      };
      const asking = await say(first.messages);
      const calls = (asking?.tool_calls ?? []).flatMap((call) =>
        call.type === "function"
          ? [{ id: call.id, name: call.function.name, input: JSON.parse(call.function.arguments) as unknown }]
          : [],
      );
      const results = calls.map((call) => ({
        role: "tool" as const,
        tool_call_id: call.id,
        content: resultOf(tools, call),
      }));
      const answer = await say([...first.messages, ...(asking ? [asking] : []), ...results]);
      return { calls, text: answer?.content ?? "" };
    },
    async structured(question, schema) {
      const { choices } = await openai.chat.completions.create({
        ...asked(question),
        response_format: { type: "json_schema", json_schema: { name: "answer", schema, strict: true } },
      });
      return JSON.parse(choices[0]?.message.content ?? "");
    },
  };
}

/** The `@anthropic-ai/sdk` package as the suite wants it. */
export function officialAnthropic({ anthropic }: { readonly anthropic: Anthropic }): Content {
  const asked = ({ model, system, text, image, maxTokens, temperature }: Question) => ({
    model,
    system,
    max_tokens: maxTokens,
    temperature,
    messages: [
      { role: "user", content: [{ type: "text", text }, ...(image ? [imageBlock(image)] : [])] },
    ] satisfies Anthropic.MessageParam[],
  });
  return {
    async chat(question) {
      const { content, usage } = await anthropic.messages.create(asked(question));
      return { text: textOf(content), inputTokens: usage.input_tokens, outputTokens: usage.output_tokens, pieces: 1 };
    },
    async useTools(question, tools) {
      const offered = tools.map(({ name, description, schema }) => ({
        name,
        description,
        input_schema: schema as unknown as Anthropic.Tool.InputSchema,
      }));
      const first = asked(question);
      const say = (messages: Anthropic.MessageParam[]) =>
        anthropic.messages.stream({ ...first, messages, tools: offered }).finalMessage();
      const asking = await say(first.messages);
      const calls = asking.content.flatMap((block) =>
        block.type === "tool_use" ? [{ id: block.id, name: block.name, input: block.input }] : [],
      );
      const results = calls.map((call) => ({
        type: "tool_result" as const,
        tool_use_id: call.id,
        content: resultOf(tools, call),
      }));
      const answer = await say([
        ...first.messages,
        { role: "assistant", content: asking.content },
        { role: "user", content: results },
      ]);
      return { calls, text: textOf(answer.content) };
    },
    async structured(question, schema) {
      const { content } = await anthropic.messages.create({
        ...asked(question),
        output_config: { format: { type: "json_schema", schema } },
      });
      return JSON.parse(textOf(content));
    },
  };
}

const dataUrl = (image: Uint8Array) => `data:image/png;base64,${Buffer.from(image).toString("base64")}`;

const imageBlock = (image: Uint8Array) => ({
  type: "image" as const,
  source: { type: "base64" as const, media_type: "image/png" as const, data: Buffer.from(image).toString("base64") },
});

const resultOf = (tools: readonly Tool[], { name, input }: { readonly name: string; readonly input: unknown }) =>
  tools.find((tool) => tool.name === name)?.run(input) ?? "";

const textOf = (content: readonly Anthropic.ContentBlock[]) =>
  content.map((block) => (block.type === "text" ? block.text : "")).join("");
