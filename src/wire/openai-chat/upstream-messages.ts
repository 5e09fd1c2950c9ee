import type { ContentBlock, Message } from "../../core/draft.ts";
import type { Json, JsonObject } from "../../core/json.ts";
import { sourceUrl } from "../media.ts";
import { given } from "../read.ts";
import type { Draftsman } from "../translations.ts";
import { NAME } from "./words.ts";

type BlockOf<T extends ContentBlock["type"]> = Extract<ContentBlock, { type: T }>;

const FOREIGN_ID = "the id of a file is known to its own provider alone";

/** Why a block of a message, or of a tool's result, cannot be said here; undefined where it can. */
export function whyUnsayable(block: ContentBlock, inResult: boolean, { attempt }: Draftsman): string | undefined {
  if (inResult && block.type !== "refusal" && block.type !== "image") {
    return "the backend of this model takes text and images alone from tools";
  }
  if (block.type !== "image" && block.type !== "file") return undefined;
  const { type, source } = block;
  if (type === "file" && source.kind === "url") {
    return "the backend of this model takes files in the request itself, not by URL";
  }
  return source.kind === "id" && attempt.clientWire !== NAME ? FOREIGN_ID : undefined;
}

/**
 * Messages of other formats as this one has them. Results of tools become messages of their own, before the rest of their message; a tool's
 * message holds text alone, so its images open the user's message behind it.
 */
export function encodeMessages(messages: readonly Message[], draftsman: Draftsman): JsonObject[] {
  return messages.flatMap((message) => encodeMessage(message, draftsman));
}

function encodeMessage(message: Message, draftsman: Draftsman): JsonObject[] {
  const { role, content, name } = message;
  const [only] = content;
  if (content.length === 1 && only?.type === "text" && !only.citations && role !== "tool") {
    noteMarks(only, role, draftsman);
    return [{ role, content: only.text, ...given({ name }) }];
  }
  const told: JsonObject[] = [];
  const images: BlockOf<"image">[] = [];
  const others: ContentBlock[] = [];
  for (const block of content) {
    noteMarks(block, role, draftsman);
    if (block.type === "tool-result") told.push(encodeResult(block, images, draftsman));
    else others.push(block);
  }
  const rest = [...images, ...others];
  if (role === "assistant") return [...told, encodeAssistant(rest, draftsman)];
  if (rest.length === 0 && told.length > 0) return told;
  const parts = rest.flatMap((block) => encodePart(block, draftsman));
  return [...told, { role: role === "tool" ? "user" : role, content: plain(parts), ...given({ name }) }];
}

function encodeResult(
  { id, content, isError }: BlockOf<"tool-result">,
  images: BlockOf<"image">[],
  draftsman: Draftsman,
): JsonObject {
  if (isError !== undefined) draftsman.note("toolError", "dropped");
  const parts: JsonObject[] = [];
  for (const block of content) {
    noteMarks(block, "tool", draftsman);
    if (block.type === "image") {
      images.push(block);
      draftsman.note("toolImages", "mapped");
    } else if (block.type === "text" || block.type === "refusal") {
      parts.push({ type: "text", text: block.text });
    }
  }
  return { role: "tool", tool_call_id: id, content: plain(parts) };
}

function encodeAssistant(blocks: readonly ContentBlock[], draftsman: Draftsman): JsonObject {
  const texts: JsonObject[] = [];
  const calls: JsonObject[] = [];
  let refusal: string | undefined;
  let reasoning: string | undefined;
  for (const block of blocks) {
    switch (block.type) {
      case "tool-call": {
        const { id, name, json } = block;
        calls.push({ id, type: "function", function: { name, arguments: json } });
        break;
      }
      case "refusal":
        refusal = (refusal ?? "") + block.text;
        break;
      case "reasoning":
        // Read by models that reason between tool calls; OpenAI has no place for it.
        if (draftsman.attempt.quirks.has("vllm")) reasoning = (reasoning ?? "") + block.text;
        else draftsman.note("reasoningText", "dropped");
        draftsman.noteIf(block.signature, "signature", "dropped");
        break;
      default:
        texts.push(...encodePart(block, draftsman));
    }
  }
  const isSilent = texts.length === 0 && (calls.length > 0 || refusal !== undefined);
  return {
    role: "assistant",
    content: isSilent ? null : plain(texts),
    ...given({ reasoning, refusal, tool_calls: calls.length > 0 ? calls : undefined }),
  };
}

function encodePart(block: ContentBlock, draftsman: Draftsman): JsonObject[] {
  switch (block.type) {
    case "text":
      if (block.citations) draftsman.note("citations", "dropped");
      return [{ type: "text", text: block.text }];
    case "image": {
      const url = sourceUrl(block.source) ?? "";
      return [{ type: "image_url", image_url: { url, ...given({ detail: block.detail }) } }];
    }
    case "file":
      return [encodeFile(block)];
    case "redacted-reasoning":
      draftsman.note("redactedReasoning", "dropped");
      return [];
    case "refusal":
    case "reasoning":
    case "tool-call":
      // Of the assistant alone; anyone else's words about them are words.
      return "text" in block ? [{ type: "text", text: block.text }] : [];
    default:
      return [];
  }
}

function encodeFile({ source, name }: BlockOf<"file">): JsonObject {
  const data = source.kind === "id" ? { file_id: source.id } : { file_data: sourceUrl(source) ?? "" };
  return { type: "file", file: { ...given({ filename: name }), ...data } };
}

/** One text is a plain string, which every backend takes; several parts stay apart. */
function plain(parts: readonly JsonObject[]): Json {
  const [first] = parts;
  if (parts.length > 1 || (first && first.type !== "text")) return parts;
  return first?.text ?? "";
}

function noteMarks(block: ContentBlock, role: Message["role"], draftsman: Draftsman): void {
  if (!("cacheControl" in block)) return;
  draftsman.note(role === "system" ? "systemCacheControl" : "cacheControl", "dropped");
}
