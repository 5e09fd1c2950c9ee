import type { ContentBlock, Message, Role } from "../../core/draft.ts";
import { isJsonObject, type Json } from "../../core/json.ts";
import { asksForSomething, type Fields, given, isList } from "../read.ts";
import type { Findings } from "../translations.ts";

/** `function` is the old name of `tool`. */
const ROLES: Readonly<Record<string, Role>> = {
  system: "system",
  developer: "developer",
  user: "user",
  assistant: "assistant",
  tool: "tool",
  function: "tool",
};

const SPOKEN = new Set(["role", "content", "name", "reasoning", "reasoning_content"]);
/** Beside a part's text these only steer a provider's prompt cache: the words mean the same without them. */
const CACHE_HINTS = new Set(["cache_control", "prompt_cache_breakpoint"]);

/** `messages` of a chat request. Content strings are taken as they are. */
export function decodeMessages(body: Fields, findings: Findings): readonly Message[] {
  const messages = body.each("messages", (fields) => decodeMessage(fields, findings));
  if (messages.length === 0) body.complain("messages", "must hold at least one message", "invalid_value");
  return messages;
}

function decodeMessage(fields: Fields, findings: Findings): Message {
  const word = fields.text("role");
  const role = word !== undefined && Object.hasOwn(ROLES, word) ? ROLES[word] : undefined;
  if (word === undefined) fields.missing("role");
  else if (!role) fields.complain("role", `must be one of ${Object.keys(ROLES).join(", ")}`, "invalid_value");
  const blocks: ContentBlock[] = [];
  const reasoning = fields.text("reasoning") ?? fields.text("reasoning_content");
  if (reasoning) blocks.push({ type: "reasoning", text: reasoning });
  readContent(fields, role, blocks, findings);
  if (word === "function") blocks.push({ type: "other", kind: "role", data: word });
  for (const [field, data] of Object.entries(fields.object)) {
    if (SPOKEN.has(field) || !asksForSomething(data)) continue;
    findings.untranslatable.push(fields.nameOf(field));
    blocks.push({ type: "other", kind: field, data });
  }
  return { role: role ?? "user", content: blocks, ...given({ name: fields.displayName("name") }) };
}

function readContent(fields: Fields, role: Role | undefined, blocks: ContentBlock[], findings: Findings): void {
  const content = fields.value("content");
  if (typeof content === "string") {
    blocks.push({ type: "text", text: content });
  } else if (content === undefined) {
    // An assistant's turn may consist of tool calls alone, and an old-style function may have returned nothing.
    if (role !== "assistant" && fields.value("role") !== "function") fields.missing("content");
  } else if (isList(content)) {
    fields.each("content", (part) => blocks.push(readPart(part, findings)));
  } else {
    fields.complain("content", "must be a string or a list of parts", "invalid_type");
  }
}

function readPart(part: Fields, findings: Findings): ContentBlock {
  const kind = part.text("type");
  if (kind === undefined) part.missing("type");
  if (kind === "text") {
    const text = part.text("text");
    if (text === undefined) part.missing("text");
    const others = Object.keys(part.object).filter((key) => key !== "type" && key !== "text");
    const hints = others.filter((key) => CACHE_HINTS.has(key));
    for (const hint of hints) findings.unknown.add(`messages[].content[].${hint}`);
    if (others.length === hints.length) return { type: "text", text: text ?? "" };
  } else {
    requireObject(part, kind);
  }
  findings.untranslatable.push(part.path);
  return { type: "other", kind: kind ?? "", data: part.object };
}

/** The parts that every backend takes name their content like their type: `{"type": "image_url", "image_url": {…}}`. */
function requireObject(part: Fields, kind: string | undefined): void {
  if (kind !== "image_url" && kind !== "input_audio" && kind !== "file") return;
  const value: Json | undefined = part.value(kind);
  if (value === undefined) part.missing(kind);
  else if (!isJsonObject(value) && typeof value !== "string") part.complain(kind, "must be an object", "invalid_type");
}
