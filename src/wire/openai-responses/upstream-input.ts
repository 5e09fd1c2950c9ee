import type { ContentBlock, MediaSource, Message } from "../../core/draft.ts";
import type { Json, JsonObject } from "../../core/json.ts";
import { given } from "../read.ts";
import { responsesSignature } from "../signatures.ts";
import type { Draftsman } from "../translations.ts";

/** Messages as input items: what a message holds beside words (calls, their results, thoughts) stands by itself here. */
export function encodeInput(messages: readonly Message[], draftsman: Draftsman): readonly JsonObject[] {
  const items: JsonObject[] = [];
  for (const { role, content } of messages) {
    // The words that stand together, until something comes between them.
    let words: ContentBlock[] = [];
    const speaker = role === "tool" ? "user" : role;
    const flush = () => {
      if (words.length > 0)
        items.push({ type: "message", role: speaker, content: encodeContent(words, speaker, draftsman) });
      words = [];
    };
    for (const block of content) {
      // Chats have a text beside calls even where nothing was said.
      if (block.type === "text" && block.text === "" && content.length > 1) continue;
      const item = encodeItem(block, draftsman);
      if (item === undefined) {
        words.push(block);
        continue;
      }
      flush();
      items.push(...item);
    }
    flush();
  }
  return items;
}

/** The items that the block is by itself; undefined where it is a part of a message. */
function encodeItem(block: ContentBlock, draftsman: Draftsman): readonly JsonObject[] | undefined {
  switch (block.type) {
    case "tool-call":
      return [{ type: "function_call", call_id: block.id, name: block.name, arguments: block.json }];
    case "tool-result": {
      if (block.isError) draftsman.note("toolError", "dropped");
      noteMark(block, draftsman);
      const output = encodeContent(block.content, "user", draftsman);
      return [{ type: "function_call_output", call_id: block.id, output }];
    }
    case "reasoning": {
      // Thoughts count here only with what their provider alone can read; another's it would refuse.
      const encrypted = responsesSignature(block.signature);
      if (encrypted !== undefined) {
        const summary = block.text === "" ? [] : [{ type: "summary_text", text: block.text }];
        return [{ type: "reasoning", summary, encrypted_content: encrypted }];
      }
      draftsman.note("reasoningText", "dropped");
      return [];
    }
    case "redacted-reasoning":
      draftsman.note("redactedReasoning", "dropped");
      return [];
    // What the vocabulary has no word for was refused before, or its loss is named already.
    case "other":
      return [];
    default:
      return undefined;
  }
}

/** One text is a plain string, which every backend takes. */
function encodeContent(blocks: readonly ContentBlock[], role: Message["role"], draftsman: Draftsman): Json {
  const [first] = blocks;
  if (blocks.length === 0) return "";
  if (blocks.length === 1 && first?.type === "text") {
    noteText(first, draftsman);
    return first.text;
  }
  return blocks.flatMap((block) => encodePart(block, role, draftsman));
}

function encodePart(block: ContentBlock, role: Message["role"], draftsman: Draftsman): JsonObject[] {
  switch (block.type) {
    case "text":
      noteText(block, draftsman);
      return role === "assistant"
        ? [{ type: "output_text", text: block.text, annotations: [] }]
        : [{ type: "input_text", text: block.text }];
    case "refusal":
      return [{ type: "refusal", refusal: block.text }];
    case "image":
      noteMark(block, draftsman);
      return [
        { type: "input_image", ...placeOf(block.source, "image_url", "image_url"), detail: block.detail ?? "auto" },
      ];
    case "file": {
      noteMark(block, draftsman);
      const filename = block.name ?? (block.source.kind === "base64" ? "file" : undefined);
      return [{ type: "input_file", ...placeOf(block.source, "file_url", "file_data"), ...given({ filename }) }];
    }
    default:
      return [];
  }
}

function placeOf(source: MediaSource, urlField: string, dataField: string): JsonObject {
  switch (source.kind) {
    case "base64":
      return { [dataField]: `data:${source.mediaType};base64,${source.data}` };
    case "url":
      return { [urlField]: source.url };
    case "id":
      return { file_id: source.id };
  }
}

function noteText(block: Extract<ContentBlock, { type: "text" }>, draftsman: Draftsman): void {
  noteMark(block, draftsman);
  // They point at sources of the answer in which they were made.
  if (block.citations) draftsman.note("citations", "dropped");
}

function noteMark({ cacheControl }: { readonly cacheControl?: JsonObject }, draftsman: Draftsman): void {
  if (cacheControl) draftsman.note("cacheControl", "dropped");
}
