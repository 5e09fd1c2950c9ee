import type { ContentBlock, MediaSource, Message, Role } from "../../core/draft.ts";
import { base64Source, MAX_FILE_BASE64, MAX_IMAGE_BASE64, urlSource } from "../media.ts";
import { type Fields, given, isList } from "../read.ts";
import { fromEncrypted } from "../signatures.ts";
import { type Findings, wordless } from "../translations.ts";
import { noteOthers } from "./wishes.ts";

const ROLES: Readonly<Record<string, Role>> = {
  system: "system",
  developer: "developer",
  user: "user",
  assistant: "assistant",
};

/** A message that grows: what the model said in one turn stands in several items here and in one message elsewhere. */
interface Turn {
  readonly role: Role;
  readonly content: ContentBlock[];
}

/** `input`: a text, or items. What the model said, thought and called in a row becomes one message. */
export function decodeInput(body: Fields, findings: Findings): readonly Message[] {
  const value = body.value("input");
  if (typeof value === "string") return [{ role: "user", content: [{ type: "text", text: value }] }];
  if (value === undefined) {
    // A prompt that the provider keeps may be the whole question.
    if (body.value("prompt") === undefined) body.missing("input");
    return [];
  }
  if (!isList(value)) {
    body.complain("input", "must be a string or a list of items", "invalid_type");
    return [];
  }
  const turns: Turn[] = [];
  body.each("input", (item) => readItem(item, turns, findings));
  if (value.length === 0) body.complain("input", "must hold at least one item", "invalid_value");
  return turns;
}

function readItem(item: Fields, turns: Turn[], findings: Findings): void {
  const type = item.text("type") ?? "message";
  switch (type) {
    case "message":
      readMessage(item, turns, findings);
      return;
    case "function_call": {
      const call = { id: required(item, "call_id"), name: required(item, "name"), json: item.text("arguments") ?? "" };
      noteOthers(item, ["type", "id", "status", "call_id", "name", "arguments"], "input[]", findings);
      modelsTurn(turns).content.push({ type: "tool-call", ...call });
      return;
    }
    case "function_call_output": {
      const content = readContent(item, "output", findings);
      noteOthers(item, ["type", "id", "status", "call_id", "output"], "input[]", findings);
      turns.push({ role: "tool", content: [{ type: "tool-result", id: required(item, "call_id"), content }] });
      return;
    }
    case "reasoning":
      readReasoning(item, turns, findings);
      return;
    case "item_reference":
      item.complain(
        "type",
        "refers to a kept item, which this gateway does not look up: send the item itself",
        "invalid_value",
      );
      return;
    default:
      modelsTurn(turns).content.push(wordless(findings, type, item.object, item.path));
  }
}

function readMessage(item: Fields, turns: Turn[], findings: Findings): void {
  const word = item.text("role");
  const role = word !== undefined && Object.hasOwn(ROLES, word) ? ROLES[word] : undefined;
  if (word === undefined) item.missing("role");
  else if (!role) item.complain("role", `must be one of ${Object.keys(ROLES).join(", ")}`, "invalid_value");
  const content = readContent(item, "content", findings);
  noteOthers(item, ["type", "id", "status", "role", "content"], "input[]", findings);
  if (role === "assistant") modelsTurn(turns).content.push(...content);
  else turns.push({ role: role ?? "user", content: [...content] });
}

function modelsTurn(turns: Turn[]): Turn {
  const last = turns.at(-1);
  if (last?.role === "assistant") return last;
  const turn: Turn = { role: "assistant", content: [] };
  turns.push(turn);
  return turn;
}

function readContent(item: Fields, field: string, findings: Findings): readonly ContentBlock[] {
  const value = item.value(field);
  if (typeof value === "string") return [{ type: "text", text: value }];
  if (isList(value)) return item.each(field, (part) => readPart(part, findings));
  if (value === undefined) item.missing(field);
  else item.complain(field, "must be a string or a list of parts", "invalid_type");
  return [];
}

/** The words mean the same without them: log probabilities of an earlier answer, and marks for the provider's prompt cache. */
const TEXT_FIELDS = ["type", "text", "annotations", "logprobs"];

function readPart(part: Fields, findings: Findings): ContentBlock {
  const type = part.text("type");
  const note = (known: readonly string[]) => noteOthers(part, known, "input[].content[]", findings);
  switch (type) {
    case "input_text":
    case "output_text": {
      note(TEXT_FIELDS);
      const annotations = part.value("annotations");
      const citations = isList(annotations) && annotations.length > 0 ? annotations : undefined;
      return { type: "text", text: required(part, "text"), ...given({ citations }) };
    }
    case "refusal":
      note(["type", "refusal"]);
      return { type: "refusal", text: required(part, "refusal") };
    case "input_image": {
      note(["type", "image_url", "file_id", "detail"]);
      const source = imageSource(part) ?? NOWHERE;
      return { type: "image", source, path: part.path, ...given({ detail: part.text("detail") }) };
    }
    case "input_file": {
      note(["type", "file_data", "file_url", "file_id", "filename"]);
      return {
        type: "file",
        source: fileSource(part) ?? NOWHERE,
        path: part.path,
        ...given({ name: part.text("filename") }),
      };
    }
    case undefined:
      part.missing("type");
  }
  return wordless(findings, type ?? "", part.object, part.path);
}

/** Bytes in the request itself, a place, or an id under which the provider holds it. */
function imageSource(part: Fields): MediaSource | undefined {
  const url = part.text("image_url");
  if (url !== undefined) return urlSource(part, "image_url", url, MAX_IMAGE_BASE64);
  return idSource(part, "image_url");
}

function fileSource(part: Fields): MediaSource | undefined {
  // The address first: a body that passes as it is holds it, whatever stands beside it.
  const url = part.text("file_url");
  if (url !== undefined) return urlSource(part, "file_url", url, MAX_FILE_BASE64);
  const data = part.text("file_data");
  if (data !== undefined) {
    if (/^data:/i.test(data.slice(0, 5))) return urlSource(part, "file_data", data, MAX_FILE_BASE64);
    return base64Source(part, "file_data", PDF, data, MAX_FILE_BASE64);
  }
  return idSource(part, "file_data");
}

/** What a file is that does not say it: the format had no other kind at first. */
const PDF = "application/pdf";

function idSource(part: Fields, missing: string): MediaSource | undefined {
  const id = part.text("file_id");
  return id === undefined ? part.missing(missing) : { kind: "id", id };
}

/** Stands for a source that was complained of: such a draft goes nowhere. */
const NOWHERE: MediaSource = { kind: "url", url: "" };

/** What the model thought: in its own words where it gave them, else in summary; and what only its provider can read. */
function readReasoning(item: Fields, turns: Turn[], findings: Findings): void {
  noteOthers(item, ["type", "id", "status", "summary", "content", "encrypted_content"], "input[]", findings);
  const textsOf = (field: string) =>
    item.value(field) === undefined ? [] : item.each(field, (part) => required(part, "text"));
  const summary = textsOf("summary");
  const content = textsOf("content");
  const text = (content.length > 0 ? content : summary).join("\n\n");
  const signature = fromEncrypted(item.text("encrypted_content"));
  const turn = modelsTurn(turns);
  if (text !== "" || signature !== undefined) turn.content.push({ type: "reasoning", text, ...given({ signature }) });
}

function required(fields: Fields, field: string): string {
  const value = fields.text(field);
  if (value === undefined) fields.missing(field);
  return value ?? "";
}
