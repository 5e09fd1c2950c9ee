import type { Body, ChatDraft } from "../../core/draft.ts";
import type { JsonObject } from "../../core/json.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import { asksForSomething, type Complaint, Fields, given } from "../read.ts";
import type { Findings } from "../translations.ts";
import { decodeMessages } from "./messages.ts";
import { decodeWishes, WISHES } from "./wishes.ts";

/** Fields with a word in the draft. */
const SPOKEN = new Set([
  "model",
  "messages",
  "max_tokens",
  "max_completion_tokens",
  "temperature",
  "top_p",
  "top_k",
  "n",
  "stop",
  "seed",
  "user",
  "safety_identifier",
  "frequency_penalty",
  "presence_penalty",
  "stream",
  "stream_options",
]);

/** Fields whose loss would change the answer, or what the caller can do with it; OpenAI's and vLLM's. */
const DECISIVE = new Set([
  // Whoever asks with the old words reads the answer in them, and no other format can give it.
  "functions",
  "function_call",
  "logit_bias",
  "audio",
  "web_search_options",
  "guided_regex",
  "guided_choice",
  "guided_grammar",
]);

/** Reads a body of `POST /chat/completions`; what is wrong is named the way OpenAI's API names it. */
export function decodeRequest(body: Body): Result<ChatDraft> {
  const complaint: Complaint = { failure: undefined };
  const fields = new Fields(body.value, "", complaint);
  const findings: Findings = { unknown: new Set(), untranslatable: [] };
  let wishes = false;
  for (const field of Object.keys(body.value)) {
    if (SPOKEN.has(field)) continue;
    if (WISHES.has(field)) wishes = true;
    else if (!DECISIVE.has(field) && field !== "modalities") findings.unknown.add(field);
    else if (isDecisive(field, body.value)) findings.untranslatable.push(field);
  }
  const stream = fields.boolean("stream") ?? false;
  const includeUsage = fields.child("stream_options")?.boolean("include_usage") ?? false;
  const maxTokens = fields.number("max_tokens", { min: 1, integer: true });
  const maxCompletionTokens = fields.number("max_completion_tokens", { min: 1, integer: true });
  const user = fields.displayName("user");
  const safetyIdentifier = fields.displayName("safety_identifier");
  const model = fields.alias("model");
  const messages = decodeMessages(fields, findings);
  const optional = given({
    maxOutputTokens: maxCompletionTokens ?? maxTokens,
    temperature: fields.number("temperature", { min: 0, max: 2 }),
    topP: fields.number("top_p", { min: 0, max: 1 }),
    // Not OpenAI's; vLLM takes it, with -1 (and 0) for "all".
    topK: fields.number("top_k", { min: -1, integer: true }),
    stop: fields.stops("stop", true),
    seed: fields.number("seed", { integer: true }),
    choices: fields.number("n", { min: 1, max: 128, integer: true }),
    frequencyPenalty: fields.number("frequency_penalty", { min: -2, max: 2 }),
    presencePenalty: fields.number("presence_penalty", { min: -2, max: 2 }),
    endUser: safetyIdentifier ?? user,
  });
  const wished = wishes ? decodeWishes(fields, findings) : undefined;
  if (complaint.failure) return fail(complaint.failure);
  return ok({
    operation: "chat",
    model,
    stream,
    streamUsage: stream && includeUsage,
    messages,
    ...optional,
    ...wished,
    unknownFields: [...findings.unknown],
    untranslatable: findings.untranslatable,
  });
}

/** Whether the field says more than the default does: modalities of text alone do not. */
function isDecisive(field: string, body: JsonObject): boolean {
  const value = body[field];
  if (!asksForSomething(value)) return false;
  if (field === "modalities") return !Array.isArray(value) || value.some((modality) => modality !== "text");
  return true;
}
