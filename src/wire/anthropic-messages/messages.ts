import type { ContentBlock, Message, Role } from "../../core/draft.ts";
import { asksForSomething, type Fields, given, isList } from "../read.ts";
import { textOfInput } from "../tool-input.ts";
import { type Findings, wordless } from "../translations.ts";
import { readDocument, readImage } from "./media.ts";

const ROLES: Readonly<Record<string, Role>> = { user: "user", assistant: "assistant", system: "system" };

/** `system` and `messages` as one list, the system prompt first. Content strings are taken as they are. */
export function decodeMessages(body: Fields, findings: Findings): readonly Message[] {
  const system = readContent(body, "system", findings);
  const messages = body.each("messages", (fields) => decodeMessage(fields, findings));
  if (messages.length === 0) body.complain("messages", "must hold at least one message", "invalid_value");
  return system ? [{ role: "system", content: system }, ...messages] : messages;
}

function decodeMessage(fields: Fields, findings: Findings): Message {
  const word = fields.text("role");
  const role = word !== undefined && Object.hasOwn(ROLES, word) ? ROLES[word] : undefined;
  if (word === undefined) fields.missing("role");
  else if (!role) fields.complain("role", `must be one of ${Object.keys(ROLES).join(", ")}`, "invalid_value");
  const content = readContent(fields, "content", findings);
  if (!content) fields.missing("content");
  const blocks = [...(content ?? [])];
  for (const [field, data] of Object.entries(fields.object)) {
    if (field === "role" || field === "content" || !asksForSomething(data)) continue;
    blocks.push(wordless(findings, field, data, fields.nameOf(field)));
  }
  return { role: role ?? "user", content: blocks };
}

function readContent(fields: Fields, field: string, findings: Findings): readonly ContentBlock[] | undefined {
  const value = fields.value(field);
  if (value === undefined) return undefined;
  if (typeof value === "string") return [{ type: "text", text: value }];
  if (isList(value)) return fields.each(field, (block) => readBlock(block, findings));
  return fields.complain(field, "must be a string or a list of content blocks", "invalid_type");
}

function readBlock(block: Fields, findings: Findings): ContentBlock {
  const kind = block.text("type");
  if (kind === undefined) block.missing("type");
  const reader = kind !== undefined && Object.hasOwn(READERS, kind) ? READERS[kind] : undefined;
  const known = reader?.read(block, findings);
  if (!reader || !known || !saysOnly(block, reader, findings)) {
    return wordless(findings, kind ?? "", block.object, block.path);
  }
  const cacheControl = block.child("cache_control")?.object;
  return cacheControl && known.type !== "redacted-reasoning" ? { ...known, cacheControl } : known;
}

type KnownBlock = Exclude<ContentBlock, { type: "other" }>;

interface Reader {
  readonly fields: ReadonlySet<string>;
  /** Fields that may be left out without changing what is said. */
  readonly hints?: ReadonlySet<string>;
  /** Undefined: this vocabulary has no word for it, or it was complained of. */
  read(block: Fields, findings: Findings): KnownBlock | undefined;
}

const READERS: Readonly<Record<string, Reader>> = {
  text: {
    fields: new Set(["text", "citations"]),
    read(block) {
      const text = required(block, "text");
      const citations = block.value("citations");
      return { type: "text", text, ...(isList(citations) && citations.length > 0 && { citations }) };
    },
  },
  thinking: {
    fields: new Set(["thinking", "signature"]),
    read(block) {
      const signature = block.value("signature");
      return { type: "reasoning", text: required(block, "thinking"), ...given({ signature }) };
    },
  },
  redacted_thinking: {
    fields: new Set(["data"]),
    read: (block) => ({ type: "redacted-reasoning", data: required(block, "data") }),
  },
  image: { fields: new Set(["source"]), hints: new Set(["transformations"]), read: readImage },
  // `context` and `citations` change what the model reads and writes: with them the document is more than a file.
  document: { fields: new Set(["source", "title"]), read: readDocument },
  tool_use: {
    fields: new Set(["id", "name", "input"]),
    hints: new Set(["caller"]),
    read(block) {
      const [id, name] = [required(block, "id"), required(block, "name")];
      const input = block.child("input");
      if (!input && block.value("input") === undefined) block.missing("input");
      return { type: "tool-call", id, name, json: textOfInput(input?.object ?? {}) };
    },
  },
  tool_result: {
    fields: new Set(["tool_use_id", "content", "is_error"]),
    read(block, findings) {
      return {
        type: "tool-result",
        id: required(block, "tool_use_id"),
        content: readContent(block, "content", findings) ?? [],
        ...given({ isError: block.boolean("is_error") }),
      };
    },
  },
};

function required(block: Fields, field: string): string {
  const text = block.text(field);
  if (text === undefined) block.missing(field);
  return text ?? "";
}

/** Whether the block holds nothing beside what its kind says, a mark of the prompt cache, and hints, which are noted. */
function saysOnly(block: Fields, { fields, hints }: Reader, findings: Findings): boolean {
  for (const field of Object.keys(block.object)) {
    if (field === "type" || field === "cache_control" || fields.has(field)) continue;
    if (!asksForSomething(block.object[field])) continue;
    if (!hints?.has(field)) return false;
    findings.unknown.add(`messages[].content[].${field}`);
  }
  return true;
}
