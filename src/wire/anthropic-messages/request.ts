import type { Body, ChatDraft } from "../../core/draft.ts";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import { asksForSomething, type Complaint, Fields, given } from "../read.ts";
import type { Findings } from "../translations.ts";
import { decodeMessages } from "./messages.ts";

/** Fields with a word in the draft. */
const SPOKEN = new Set([
  "model",
  "messages",
  "system",
  "max_tokens",
  "temperature",
  "top_p",
  "top_k",
  "stop_sequences",
  "stream",
  "metadata",
]);

/** Fields whose loss would change the answer, or what the caller can do with it. */
const DECISIVE = new Set(["tools", "tool_choice", "mcp_servers", "container", "output_config", "output_format"]);

/** Reads a body of `POST /v1/messages`; what is wrong is named the way Anthropic's API names it. */
export function decodeRequest(body: Body): Result<ChatDraft> {
  const complaint: Complaint = { failure: undefined };
  const fields = new Fields(body.value, "", complaint);
  const findings: Findings = { unknown: new Set(), untranslatable: [] };
  for (const field of Object.keys(body.value)) {
    if (SPOKEN.has(field)) continue;
    if (DECISIVE.has(field) && isDecisive(field, body.value)) findings.untranslatable.push(field);
    else if (!DECISIVE.has(field) || field === "output_config") findings.unknown.add(field);
  }
  const model = fields.alias("model");
  const maxOutputTokens = fields.number("max_tokens", { min: 1, integer: true });
  if (fields.value("max_tokens") === undefined) fields.missing("max_tokens");
  const messages = decodeMessages(fields, findings);
  const metadata = fields.child("metadata");
  const endUser = metadata?.displayName("user_id");
  if (metadata && Object.keys(metadata.object).some((key) => key !== "user_id")) findings.unknown.add("metadata");
  const optional = given({
    maxOutputTokens,
    temperature: fields.number("temperature", { min: 0, max: 1 }),
    topP: fields.number("top_p", { min: 0, max: 1 }),
    topK: fields.number("top_k", { min: 0, integer: true }),
    stop: fields.stops("stop_sequences", false),
    endUser,
  });
  const stream = fields.boolean("stream") ?? false;
  if (complaint.failure) return fail(complaint.failure);
  return ok({
    operation: "chat",
    model,
    stream,
    // The format reports usage in every stream.
    streamUsage: stream,
    messages,
    ...optional,
    unknownFields: [...findings.unknown],
    untranslatable: findings.untranslatable,
  });
}

function isDecisive(field: string, body: JsonObject): boolean {
  const value = body[field];
  if (!asksForSomething(value)) return false;
  if (field === "tool_choice") return asksForSomething(body.tools);
  // Of the two things it can say, `effort` is a wish and `format` a contract.
  if (field === "output_config") return isJsonObject(value) && asksForSomething(value.format);
  return true;
}
