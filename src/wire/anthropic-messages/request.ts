import type { Body, ChatDraft } from "../../core/draft.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import { asksForSomething, type Complaint, Fields, given } from "../read.ts";
import type { Findings } from "../translations.ts";
import { decodeMessages } from "./messages.ts";
import { decodeWishes, WISHES } from "./wishes.ts";

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
const DECISIVE = new Set(["mcp_servers", "container"]);

/** Reads a body of `POST /v1/messages`; what is wrong is named the way Anthropic's API names it. */
export function decodeRequest(body: Body): Result<ChatDraft> {
  const complaint: Complaint = { failure: undefined };
  const fields = new Fields(body.value, "", complaint);
  const findings: Findings = { unknown: new Set(), untranslatable: [] };
  let wishes = false;
  for (const field of Object.keys(body.value)) {
    if (SPOKEN.has(field)) continue;
    if (WISHES.has(field)) wishes = true;
    else if (!DECISIVE.has(field)) findings.unknown.add(field);
    else if (asksForSomething(body.value[field])) findings.untranslatable.push(field);
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
  const wished = wishes ? decodeWishes(fields, findings) : undefined;
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
    ...wished,
    unknownFields: [...findings.unknown],
    untranslatable: findings.untranslatable,
  });
}
