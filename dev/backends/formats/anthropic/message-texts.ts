import { PART_PLACEHOLDER } from "../../attachments.ts";
import { isJsonObject } from "../../json.ts";

/** The texts of content, as they are counted; images and files count as a placeholder, tool calls as their JSON. */
export function blockTexts(content: unknown): string[] {
  if (typeof content === "string") return [content];
  if (!Array.isArray(content)) return [];
  return content.flatMap((block) => {
    if (!isJsonObject(block)) return [];
    if (typeof block.text === "string") return [block.text];
    if (block.type === "image" || block.type === "document") return [PART_PLACEHOLDER];
    // A mark is no part of what is cached.
    const { cache_control: _, ...rest } = block;
    return block.type === "tool_result" && block.content !== undefined
      ? blockTexts(block.content)
      : [JSON.stringify(rest)];
  });
}
