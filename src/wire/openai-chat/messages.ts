import type { ContentBlock, MediaSource, Message, Role } from "../../core/draft.ts";
import type { Json } from "../../core/json.ts";
import { base64Source, MAX_FILE_BASE64, MAX_IMAGE_BASE64, urlSource } from "../media.ts";
import { asksForSomething, type Fields, given, isList } from "../read.ts";
import { type Findings, wordless } from "../translations.ts";

/** `function` is the old name of `tool`. */
const ROLES: Readonly<Record<string, Role>> = {
  system: "system",
  developer: "developer",
  user: "user",
  assistant: "assistant",
  tool: "tool",
  function: "tool",
};

const SPOKEN = new Set(["role", "content", "name", "reasoning", "reasoning_content", "tool_call_id"]);
/** Beside a part's content this only steers OpenAI's own prompt cache: the words mean the same without it. */
const CACHE_HINT = "prompt_cache_breakpoint";

/** What the messages of one request have said so far: an old-style function's answer names its call by the function's name alone. */
interface Conversation {
  readonly findings: Findings;
  readonly functionCalls: Map<string, string>;
}

/** `messages` of a chat request. Content strings are taken as they are. */
export function decodeMessages(body: Fields, findings: Findings): readonly Message[] {
  const conversation: Conversation = { findings, functionCalls: new Map() };
  const messages = body.each("messages", (fields) => decodeMessage(fields, conversation));
  if (messages.length === 0) body.complain("messages", "must hold at least one message", "invalid_value");
  return messages;
}

function decodeMessage(fields: Fields, conversation: Conversation): Message {
  const word = fields.text("role");
  const role = word !== undefined && Object.hasOwn(ROLES, word) ? ROLES[word] : undefined;
  if (word === undefined) fields.missing("role");
  else if (!role) fields.complain("role", `must be one of ${Object.keys(ROLES).join(", ")}`, "invalid_value");
  const blocks: ContentBlock[] = [];
  const reasoning = fields.text("reasoning") ?? fields.text("reasoning_content");
  if (reasoning) blocks.push({ type: "reasoning", text: reasoning });
  readContent(fields, role, blocks, conversation.findings);
  for (const field of Object.keys(fields.object)) {
    if (!SPOKEN.has(field)) readBeside(fields, field, role, blocks, conversation);
  }
  if (role === "tool") return toolMessage(fields, word, blocks, conversation);
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

/** What a message says beside its content. */
function readBeside(
  fields: Fields,
  field: string,
  role: Role | undefined,
  blocks: ContentBlock[],
  { findings, functionCalls }: Conversation,
): void {
  const data: Json | undefined = fields.value(field);
  if (!asksForSomething(data) || data === undefined) return;
  if (role === "assistant" && field === "refusal") {
    const text = fields.text(field);
    if (text) blocks.push({ type: "refusal", text });
  } else if (role === "assistant" && field === "tool_calls") {
    fields.each(field, (call) => blocks.push(readCall(call, findings)));
  } else if (role === "assistant" && field === "function_call") {
    const call = fields.child(field);
    const name = call?.text("name");
    if (!name) call?.missing("name");
    // The path is the message's own, so that every call of a conversation has another id.
    const id = `call_${fields.path.replaceAll(/\D+/g, "")}`;
    if (name) functionCalls.set(name, id);
    blocks.push({ type: "tool-call", id, name: name ?? "", json: call?.text("arguments") ?? "" });
  } else if (field === "cache_control" && blocks.length > 0) {
    // On the message as a whole it stands for the end of it.
    mark(blocks, fields.child(field)?.object);
  } else {
    blocks.push(wordless(findings, field, data, fields.nameOf(field)));
  }
}

function mark(blocks: ContentBlock[], cacheControl: Fields["object"] | undefined): void {
  const last = blocks.pop();
  if (!last) return;
  const canHold = last.type !== "other" && last.type !== "redacted-reasoning";
  blocks.push(canHold && cacheControl ? { ...last, cacheControl } : last);
}

function readCall(call: Fields, findings: Findings): ContentBlock {
  const type = call.text("type") ?? "function";
  if (type !== "function") return wordless(findings, type, call.object, call.path);
  const id = call.text("id");
  if (!id) call.missing("id");
  const called = call.child("function");
  if (!called) call.missing("function");
  const name = called?.text("name");
  if (called && !name) called.missing("name");
  return { type: "tool-call", id: id ?? "", name: name ?? "", json: called?.text("arguments") ?? "" };
}

/** The answer to one call. */
function toolMessage(
  fields: Fields,
  word: string | undefined,
  content: readonly ContentBlock[],
  { functionCalls }: Conversation,
): Message {
  const name = fields.displayName("name");
  const isOld = word === "function";
  if (isOld && name === undefined) fields.missing("name");
  const id = isOld ? functionCalls.get(name ?? "") : fields.text("tool_call_id");
  if (!isOld && !id) fields.missing("tool_call_id");
  return { role: "tool", content: [{ type: "tool-result", id: id ?? name ?? "", content }] };
}

function readPart(part: Fields, findings: Findings): ContentBlock {
  const kind = part.text("type");
  if (kind === undefined) part.missing("type");
  const block = kind === undefined ? undefined : readKnownPart(part, kind);
  if (block && saysOnly(part, kind ?? "", findings)) {
    const cacheControl = part.child("cache_control")?.object;
    return cacheControl ? { ...block, cacheControl } : block;
  }
  return wordless(findings, kind ?? "", part.object, part.path);
}

type KnownPart = Extract<ContentBlock, { type: "text" | "refusal" | "image" | "file" }>;

function readKnownPart(part: Fields, kind: string): KnownPart | undefined {
  switch (kind) {
    case "text":
    case "refusal": {
      const text = part.text(kind);
      if (text === undefined) part.missing(kind);
      return { type: kind, text: text ?? "" };
    }
    case "image_url":
      return readImage(part);
    case "file":
      return readFile(part);
    case "input_audio":
      if (part.child(kind) === undefined) part.missing(kind);
      return undefined;
    default:
      return undefined;
  }
}

/** Whether the part holds nothing beside what its kind says but hints to a prompt cache. */
function saysOnly(part: Fields, kind: string, findings: Findings): boolean {
  for (const field of Object.keys(part.object)) {
    if (field === "type" || field === kind || field === "cache_control") continue;
    if (!asksForSomething(part.object[field])) continue;
    if (field !== CACHE_HINT) return false;
    findings.unknown.add(`messages[].content[].${CACHE_HINT}`);
  }
  return true;
}

/** `{"url": …}`, or the URL alone, which several servers take. */
function readImage(part: Fields): KnownPart | undefined {
  const value = part.value("image_url");
  if (value === undefined) return part.missing("image_url");
  const isBare = typeof value === "string";
  const image = isBare ? part : part.child("image_url");
  const field = isBare ? "image_url" : "url";
  const url = image?.text(field);
  if (!image) return undefined;
  if (url === undefined) return image.missing(field);
  const source = urlSource(image, field, url, MAX_IMAGE_BASE64);
  const detail = isBare ? undefined : image.text("detail");
  return source && { type: "image", source, path: part.path, ...given({ detail }) };
}

/** Bytes as a data URL, or the id of a file that the provider holds. */
function readFile(part: Fields): KnownPart | undefined {
  const file = part.child("file");
  if (!file) return part.value("file") === undefined ? part.missing("file") : undefined;
  const name = file.text("filename");
  const id = file.text("file_id");
  const data = file.text("file_data");
  // Data first: a body that passes as it is holds them, whatever stands beside them, and what is no base64 may be an address.
  const source = data === undefined ? idSource(file, id) : dataSource(file, data, name);
  return source && { type: "file", source, path: part.path, ...given({ name }) };
}

function idSource(file: Fields, id: string | undefined): MediaSource | undefined {
  return id === undefined ? file.missing("file_data") : { kind: "id", id };
}

function dataSource(file: Fields, data: string, name: string | undefined): MediaSource | undefined {
  return data.startsWith("data:")
    ? urlSource(file, "file_data", data, MAX_FILE_BASE64)
    : base64Source(file, "file_data", mediaTypeOf(name), data, MAX_FILE_BASE64);
}

/** Of a file whose data does not say it. */
function mediaTypeOf(name: string | undefined): string {
  return name?.toLowerCase().endsWith(".pdf") ? "application/pdf" : "application/octet-stream";
}
