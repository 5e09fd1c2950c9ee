import { attachmentOfPart, PART_PLACEHOLDER } from "../../attachments.ts";
import type { Attachment } from "../../conversation.ts";
import { isJsonObject, type JsonObject } from "../../json.ts";

/** The input as items: a bare text is one message of the user. */
export function itemsOf(input: unknown): JsonObject[] {
  if (typeof input === "string") return [{ type: "message", role: "user", content: input }];
  return Array.isArray(input) ? input.filter(isJsonObject) : [];
}

/** A message may leave its type out. */
export function typeOf(item: JsonObject): string {
  return typeof item.type === "string" ? item.type : "message";
}

/** The texts of content: each part alone. */
export function contentTexts(content: unknown): string[] {
  if (typeof content === "string") return [content];
  if (!Array.isArray(content)) return [];
  return content.filter(isJsonObject).map((part) => {
    if (typeof part.text === "string") return part.text;
    return typeof part.refusal === "string" ? part.refusal : PART_PLACEHOLDER;
  });
}

/** The texts of an item, as they are counted; a call counts as its JSON. */
export function textsOfItem(item: JsonObject): string[] {
  if (typeOf(item) === "message") return contentTexts(item.content);
  if (typeOf(item) === "function_call_output") return contentTexts(item.output);
  return [JSON.stringify(item)];
}

/** Images and files of an item. */
export function attachmentsOfItem(item: JsonObject): Attachment[] {
  const content = typeOf(item) === "function_call_output" ? item.output : item.content;
  if (!Array.isArray(content)) return [];
  return content.filter(isJsonObject).flatMap((part) => attachmentOfPart(part) ?? []);
}

const ANSWER_TYPES = new Set(["function_call", "reasoning"]);

function isOfAnswer(item: JsonObject): boolean {
  return ANSWER_TYPES.has(typeOf(item)) || item.role === "assistant";
}

/** What came after the last answer. */
export function newestItems(items: readonly JsonObject[]): JsonObject[] {
  const last = items.findLastIndex((item, index) => isOfAnswer(item) && index < items.length - 1);
  return items.slice(last + 1);
}
