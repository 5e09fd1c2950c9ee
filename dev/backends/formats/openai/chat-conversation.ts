import { attachmentOfPart, PART_PLACEHOLDER } from "../../attachments.ts";
import type { Attachment, Conversation, ToolResult } from "../../conversation.ts";
import { isJsonObject, type JsonObject } from "../../json.ts";
import { reasoningTokensOf, structureOf, toolsAndChoice } from "./read-tools.ts";

/** The texts of one message, as they are counted: each part alone, then its tool calls. */
export function textsOfMessage(message: JsonObject): string[] {
  const { content, tool_calls: toolCalls } = message;
  const texts: string[] = [];
  if (typeof content === "string") texts.push(content);
  if (Array.isArray(content)) {
    for (const part of content)
      texts.push(isJsonObject(part) && typeof part.text === "string" ? part.text : PART_PLACEHOLDER);
  }
  if (Array.isArray(toolCalls) && toolCalls.length > 0) texts.push(JSON.stringify(toolCalls));
  return texts;
}

/** What came after the last answer; an assistant message at the very end is a beginning to go on from, not an answer. */
export function newestOf(messages: readonly JsonObject[]): JsonObject[] {
  const last = messages.findLastIndex((message, index) => message.role === "assistant" && index < messages.length - 1);
  return messages.slice(last + 1);
}

/** The chat beyond its texts. */
export function chatConversation(body: JsonObject, messages: readonly JsonObject[]): Conversation {
  const newest = newestOf(messages);
  const isUser = (message: JsonObject) => message.role === "user";
  return {
    newestTexts: newest.flatMap(textsOfMessage),
    newestUserText: newest.filter(isUser).flatMap(textsOfMessage).join("\n"),
    toolResults: newest.filter(({ role }) => role === "tool").map((message) => toolResult(message, messages)),
    attachments: newest.flatMap(attachmentsOf),
    ...toolsAndChoice(body),
    parallelCalls: body.parallel_tool_calls !== false,
    structure: structureOf(body),
    reasoningTokens: reasoningTokensOf(body),
  };
}

function toolResult(message: JsonObject, messages: readonly JsonObject[]): ToolResult {
  const calls = messages.flatMap(({ tool_calls: some }) => (Array.isArray(some) ? some.filter(isJsonObject) : []));
  const call = calls.findLast(({ id }) => id === message.tool_call_id)?.function;
  const toolName = isJsonObject(call) && typeof call.name === "string" ? call.name : "the tool";
  return { toolName, text: textsOfMessage({ content: message.content }).join("") };
}

function attachmentsOf({ content }: JsonObject): Attachment[] {
  if (!Array.isArray(content)) return [];
  return content.filter(isJsonObject).flatMap((part) => attachmentOfPart(part) ?? []);
}
