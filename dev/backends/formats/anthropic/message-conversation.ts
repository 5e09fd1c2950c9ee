import { attachmentOfSource } from "../../attachments.ts";
import type { Attachment, Conversation, OfferedTool, Structure, ToolChoice, ToolResult } from "../../conversation.ts";
import { isJsonObject, type JsonObject } from "../../json.ts";
import { newestOf } from "../openai/chat-conversation.ts";
import { blockTexts } from "./message-texts.ts";

const REASONING_TOKENS_WHEN_ASKED = 12;

/** The conversation beyond its texts. */
export function messagesConversation(body: JsonObject): Conversation {
  const messages = Array.isArray(body.messages) ? body.messages.filter(isJsonObject) : [];
  const newest = newestOf(messages);
  const blocks = newest.flatMap(({ content }) => blocksIn(content));
  const choice = isJsonObject(body.tool_choice) ? body.tool_choice : {};
  return {
    newestTexts: newest.flatMap(({ content }) => blockTexts(content)),
    newestUserText: newest
      .filter(({ role }) => role === "user")
      .flatMap(({ content }) => (typeof content === "string" ? [content] : blocksIn(content).flatMap(textIn)))
      .join("\n"),
    toolResults: blocks.filter(({ type }) => type === "tool_result").map((block) => toolResult(block, messages)),
    attachments: blocks.flatMap(attachmentsOf),
    tools: offeredTools(body.tools),
    toolChoice: choiceOf(choice),
    parallelCalls: choice.disable_parallel_tool_use !== true,
    structure: structureOf(body),
    reasoningTokens: isJsonObject(body.thinking)
      ? body.thinking.type === "disabled"
        ? 0
        : REASONING_TOKENS_WHEN_ASKED
      : undefined,
  };
}

/** The blocks of a message's content; a bare text has none. */
export function blocksIn(content: unknown): JsonObject[] {
  return Array.isArray(content) ? content.filter(isJsonObject) : [];
}

function textIn(block: JsonObject): string[] {
  return block.type === "text" && typeof block.text === "string" ? [block.text] : [];
}

function toolResult(block: JsonObject, messages: readonly JsonObject[]): ToolResult {
  const call = messages
    .flatMap(({ content }) => blocksIn(content))
    .find(({ type, id }) => type === "tool_use" && id === block.tool_use_id);
  const toolName = typeof call?.name === "string" ? call.name : "the tool";
  return { toolName, text: blockTexts(block.content).join("") };
}

function attachmentsOf(block: JsonObject): Attachment[] {
  if (block.type === "tool_result") return blocksIn(block.content).flatMap(attachmentsOf);
  if ((block.type !== "image" && block.type !== "document") || !isJsonObject(block.source)) return [];
  return [attachmentOfSource(block.type === "image" ? "image" : "file", block.source, block.title)];
}

function offeredTools(tools: unknown): OfferedTool[] {
  if (!Array.isArray(tools)) return [];
  return tools.filter(isJsonObject).flatMap((tool) => {
    if (typeof tool.name !== "string" || (tool.type !== undefined && tool.type !== "custom")) return [];
    return [{ name: tool.name, schema: isJsonObject(tool.input_schema) ? tool.input_schema : {} }];
  });
}

function choiceOf(choice: JsonObject): ToolChoice {
  if (choice.type === "none") return { kind: "none" };
  if (choice.type === "any") return { kind: "required" };
  if (choice.type === "tool" && typeof choice.name === "string") return { kind: "named", name: choice.name };
  return { kind: "auto" };
}

/** Structured output, as `output_config.format` asks for it. */
function structureOf(body: JsonObject): Structure | undefined {
  const config = isJsonObject(body.output_config) ? body.output_config : {};
  const { format } = config;
  if (!isJsonObject(format) || format.type !== "json_schema") return undefined;
  return { schema: isJsonObject(format.schema) ? format.schema : {} };
}
