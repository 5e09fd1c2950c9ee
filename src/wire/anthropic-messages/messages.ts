import type { ContentBlock, Message, Role } from "../../core/draft.ts";
import { asksForSomething, type Fields, isList } from "../read.ts";
import type { Findings } from "../translations.ts";

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
    findings.untranslatable.push(fields.nameOf(field));
    blocks.push({ type: "other", kind: field, data });
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
  if (kind === "text") {
    const text = block.text("text");
    if (text === undefined) block.missing("text");
    if (saysOnly(block, ["text"], findings)) return { type: "text", text: text ?? "" };
  } else if (kind === "thinking") {
    const text = block.text("thinking");
    if (text === undefined) block.missing("thinking");
    if (saysOnly(block, ["thinking", "signature"], findings)) {
      const signature = block.value("signature");
      return { type: "reasoning", text: text ?? "", ...(signature !== undefined && { signature }) };
    }
  } else if (kind === "redacted_thinking") {
    // An earlier turn's reasoning, unreadable: another format goes without it, as it goes without the readable kind.
    findings.unknown.add("messages[].content[].redacted_thinking");
    return { type: "other", kind, data: block.object };
  }
  findings.untranslatable.push(block.path);
  return { type: "other", kind: kind ?? "", data: block.object };
}

/** Whether the block holds nothing beside these fields but a hint to the prompt cache, which is noted. */
function saysOnly(block: Fields, fields: readonly string[], findings: Findings): boolean {
  for (const [field, value] of Object.entries(block.object)) {
    if (field === "type" || fields.includes(field) || !asksForSomething(value)) continue;
    if (field !== "cache_control") return false;
    findings.unknown.add(
      block.path.startsWith("system") ? "system[].cache_control" : "messages[].content[].cache_control",
    );
  }
  return true;
}
