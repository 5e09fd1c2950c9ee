import type { Body, ChatDraft, Message } from "../../core/draft.ts";
import { badRequest } from "../../core/failure.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import { asksForSomething, type Complaint, Fields, given, isList } from "../read.ts";
import type { Findings } from "../translations.ts";
import { decodeInput } from "./input.ts";
import { decodeReasoning, decodeText, decodeToolChoice, decodeTools } from "./wishes.ts";

/** Fields with a word in the draft, and those that only steer the delivery. */
const SPOKEN = new Set([
  "model",
  "input",
  "instructions",
  "tools",
  "tool_choice",
  "parallel_tool_calls",
  "text",
  "reasoning",
  "max_output_tokens",
  "temperature",
  "top_p",
  "top_logprobs",
  "include",
  "user",
  "safety_identifier",
  "prompt_cache_key",
  "service_tier",
  "stream",
  "stream_options",
  "truncation",
  "previous_response_id",
]);

/** What the gateway keeps for no one: a provider would find it under the one account that all tenants share. */
const REFUSED: Readonly<Record<string, string>> = {
  conversation:
    "refers to something kept from an earlier request, and this gateway keeps no conversations: send it whole in `input`",
  background: "cannot be used: this gateway runs nothing in the background",
};

/** Reads a body of `POST /responses`; what is wrong is named the way OpenAI's API names it. */
export function decodeRequest(body: Body): Result<ChatDraft> {
  const complaint: Complaint = { failure: undefined };
  const fields = new Fields(body.value, "", complaint);
  const findings: Findings = { unknown: new Set(), untranslatable: [] };
  for (const field of Object.keys(body.value)) {
    if (SPOKEN.has(field) || !asksForSomething(body.value[field])) continue;
    const why = Object.hasOwn(REFUSED, field) ? REFUSED[field] : undefined;
    if (why !== undefined) complaint.failure ??= badRequest(`\`${field}\` ${why}.`, field, "unsupported_parameter");
    // A prompt that the provider keeps is a part of the question.
    else if (field === "prompt") findings.untranslatable.push(field);
    else findings.unknown.add(field);
  }
  const model = fields.alias("model");
  const stream = fields.boolean("stream") ?? false;
  const messages = [...instructionsOf(fields), ...decodeInput(fields, findings)];
  const user = fields.displayName("user");
  const safetyIdentifier = fields.displayName("safety_identifier");
  if (fields.text("truncation") === "auto") findings.unknown.add("truncation");
  const optional = given({
    tools: decodeTools(fields, findings),
    toolChoice: decodeToolChoice(fields, findings),
    parallelToolCalls: fields.boolean("parallel_tool_calls"),
    responseFormat: decodeText(fields, findings),
    reasoning: decodeReasoning(fields, findings),
    maxOutputTokens: fields.number("max_output_tokens", { min: 1, integer: true }),
    temperature: fields.number("temperature", { min: 0, max: 2 }),
    topP: fields.number("top_p", { min: 0, max: 1 }),
    logprobs: decodeLogprobs(fields, findings),
    serviceTier: fields.text("service_tier"),
    endUser: safetyIdentifier ?? user,
    promptCacheKey: fields.text("prompt_cache_key"),
    // Whether the tenant lets anything be kept is not known yet.
    keep: fields.boolean("store") !== false,
    previous: fields.text("previous_response_id"),
  });
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

function instructionsOf(fields: Fields): readonly Message[] {
  const text = fields.text("instructions");
  return text ? [{ role: "system", content: [{ type: "text", text }] }] : [];
}

/** `include` asks for log probabilities; `top_logprobs` for how many. Encrypted reasoning comes unasked; what else it asks for belongs to hosted tools. */
function decodeLogprobs(fields: Fields, findings: Findings): ChatDraft["logprobs"] {
  const top = fields.number("top_logprobs", { min: 0, max: 20, integer: true });
  const include = fields.value("include");
  if (include !== undefined && !isList(include))
    fields.complain("include", "must be a list of strings", "invalid_type");
  let asked = false;
  for (const wish of isList(include) ? include : []) {
    if (wish === "message.output_text.logprobs") asked = true;
    else if (wish !== "reasoning.encrypted_content") findings.unknown.add("include");
  }
  return asked || top ? { top: top ?? 0 } : undefined;
}
