import type { ContentBlock, Message } from "../../core/draft.ts";
import type { Json, JsonObject } from "../../core/json.ts";
import { given } from "../read.ts";
import { anthropicSignature } from "../signatures.ts";
import { inputOf } from "../tool-input.ts";
import type { Draftsman } from "../translations.ts";
import { encodeSource } from "./media.ts";
import { NAME } from "./words.ts";

type BlockOf<T extends ContentBlock["type"]> = Extract<ContentBlock, { type: T }>;

/** Why a block of a message cannot be said here; undefined where it can. */
export function whyUnsayable(block: ContentBlock, { attempt }: Draftsman): string | undefined {
  if (block.type !== "image" && block.type !== "file") return undefined;
  const { source } = block;
  if (block.type === "file" && source.kind === "base64" && source.mediaType !== "application/pdf") {
    return "the backend of this model takes no files but PDF";
  }
  const isForeign = source.kind === "id" && attempt.clientWire !== NAME;
  return isForeign ? "the id of a file is known to its own provider alone" : undefined;
}

/** The system prompt: one text as a string, several, or marked ones, as blocks. Undefined where it has no words. */
export function encodeSystem(messages: readonly Message[], draftsman: Draftsman): Json | undefined {
  const content = encodeContent(
    messages.flatMap(({ content }) => content),
    draftsman,
  );
  return content === "" ? undefined : content;
}

/**
 * Messages of other formats as this one has them. What tools have answered in a row stands in one message of the user, and what the user says
 * behind it in the same one: turns alternate. A system message in mid-conversation stays where it stands.
 */
export function encodeMessages(messages: readonly Message[], draftsman: Draftsman): JsonObject[] {
  const told: JsonObject[] = [];
  let results: ContentBlock[] | undefined;
  const close = () => {
    if (results) told.push({ role: "user", content: encodeContent(results, draftsman) });
    results = undefined;
  };
  for (const { role, content, name } of messages) {
    draftsman.noteIf(name, "senderName", "dropped");
    if (role === "tool") {
      draftsman.note("toolResults", "mapped");
      results = [...(results ?? []), ...content];
    } else if (role === "user" && results) {
      results.push(...content);
      close();
    } else {
      close();
      if (role === "developer") draftsman.note("role", "mapped");
      told.push({ role: role === "developer" ? "system" : role, content: encodeContent(content, draftsman) });
    }
  }
  close();
  return told;
}

/** One text without marks is a plain string. Texts without a character are left out: this format refuses them as blocks. */
function encodeContent(blocks: readonly ContentBlock[], draftsman: Draftsman): Json {
  const told = blocks.flatMap((block) => encodeBlock(block, draftsman));
  const [first] = told;
  if (first === undefined) return "";
  return told.length === 1 && Object.keys(first).length === 2 && first.type === "text" ? (first.text ?? "") : told;
}

function encodeBlock(block: ContentBlock, draftsman: Draftsman): JsonObject[] {
  const isOwn = draftsman.attempt.clientWire === NAME;
  const mark = given({ cache_control: "cacheControl" in block ? block.cacheControl : undefined });
  switch (block.type) {
    case "text":
      if (block.citations && !isOwn) draftsman.note("citations", "dropped");
      return encodeText(block.text, { ...given({ citations: isOwn ? block.citations : undefined }), ...mark });
    case "refusal":
      draftsman.note("refusal", "mapped");
      return encodeText(block.text, mark);
    case "reasoning": {
      // Reasoning of an earlier turn counts here only with the signature of who reasoned.
      const signature = anthropicSignature(block.signature);
      if (signature !== undefined) return [{ type: "thinking", thinking: block.text, signature }];
      draftsman.note("reasoningText", "dropped");
      return [];
    }
    case "redacted-reasoning":
      if (isOwn) return [{ type: "redacted_thinking", data: block.data }];
      draftsman.note("redactedReasoning", "dropped");
      return [];
    case "image":
      draftsman.noteIf(block.detail, "imageDetail", "dropped");
      return [{ type: "image", source: encodeSource(block.source), ...mark }];
    case "file":
      return [{ type: "document", source: encodeSource(block.source), ...given({ title: block.name }), ...mark }];
    case "tool-call":
      return [{ ...encodeCall(block, draftsman), ...mark }];
    case "tool-result": {
      const content = encodeContent(block.content, draftsman);
      return [
        {
          type: "tool_result",
          tool_use_id: fitId(block.id, draftsman),
          ...given({ content: content === "" ? undefined : content, is_error: block.isError }),
          ...mark,
        },
      ];
    }
    case "other":
      return [];
  }
}

function encodeText(text: string, beside: JsonObject): JsonObject[] {
  return text === "" ? [] : [{ type: "text", text, ...beside }];
}

function encodeCall({ id, name, json }: BlockOf<"tool-call">, draftsman: Draftsman): JsonObject {
  const { input } = inputOf(json);
  draftsman.note("input", "mapped");
  return { type: "tool_use", id: fitId(id, draftsman), name, input };
}

/** This format takes letters, digits, `_` and `-` in ids. Any other id goes by one that is the same for the call and its result. */
function fitId(id: string, draftsman: Draftsman): string {
  if (/^[\w-]+$/.test(id)) return id;
  draftsman.note("toolCallId", "mapped");
  return id.replaceAll(/[^\w-]/g, (character) => `_${character.charCodeAt(0).toString(16)}_`) || "_";
}
