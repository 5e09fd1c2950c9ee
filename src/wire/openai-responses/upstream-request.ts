import type { ChatDraft } from "../../core/draft.ts";
import type { Json, JsonObject } from "../../core/json.ts";
import { ok, type Result } from "../../core/result.ts";
import type { AttemptRequest, WireRequest } from "../../core/wire.ts";
import { BodyPatches, withQuirks } from "../quirks.ts";
import { given } from "../read.ts";
import { Translations, untranslatable } from "../translations.ts";
import { encodeInput } from "./upstream-input.ts";
import { encodeEffort } from "./wishes.ts";
import { NAME } from "./words.ts";

/** A body for `POST /responses`: the caller's own text, patched, where the caller speaks this format; else built from the draft. */
export function encodeRequest(attempt: AttemptRequest): Result<WireRequest> {
  const { draft } = attempt;
  if (draft.operation !== "chat") throw new Error("a chat format was asked to carry another operation");
  const translations = new Translations();
  const body = attempt.clientWire === NAME ? ok(patched(attempt, translations)) : built(attempt, draft, translations);
  if (!body.ok) return body;
  return ok({
    path: "/responses",
    headers: {
      "content-type": "application/json",
      accept: attempt.stream ? "text/event-stream" : "application/json",
    },
    body: body.value,
    translations: translations.list(),
  });
}

function patched(attempt: AttemptRequest, translations: Translations): string {
  const patches = new BodyPatches(attempt, translations);
  patches.stream();
  if (attempt.maxOutputTokens !== undefined) patches.put("max_output_tokens", attempt.maxOutputTokens);
  // Unless it is told not to, the provider keeps the answer, under the one account that all tenants share.
  patches.put("store", false);
  if (!attempt.stream) patches.remove("stream_options");
  return patches.text();
}

function built(attempt: AttemptRequest, draft: ChatDraft, translations: Translations): Result<string> {
  const refused = refusal(attempt, draft);
  if (refused) return refused;
  noteLosses(draft, translations);
  const body = {
    model: attempt.model,
    input: encodeInput(draft.messages, translations),
    ...given({
      tools: encodeTools(draft, translations),
      tool_choice: encodeToolChoice(draft),
      parallel_tool_calls: draft.parallelToolCalls,
      text: encodeText(draft),
      ...encodeReasoning(draft, translations),
      max_output_tokens: attempt.maxOutputTokens ?? draft.maxOutputTokens,
      temperature: draft.temperature,
      top_p: draft.topP,
      top_logprobs: draft.logprobs?.top,
      include: includes(draft),
      service_tier: draft.serviceTier,
      user: draft.endUser,
      prompt_cache_key: draft.promptCacheKey,
    }),
    store: false,
    ...(attempt.stream && { stream: true }),
  };
  return ok(JSON.stringify(withQuirks(body, attempt, translations)));
}

/** What cannot be said here without changing its meaning, by the name that the caller used. */
function refusal({ clientWire }: AttemptRequest, draft: ChatDraft) {
  const [field] = draft.untranslatable;
  if (field !== undefined) return untranslatable(field);
  if ((draft.choices ?? 1) > 1) return untranslatable("n", "the backend of this model gives one choice");
  if (draft.stop) {
    const name = clientWire === "anthropic-messages" ? "stop_sequences" : "stop";
    return untranslatable(name, "the backend of this model takes no stop sequences");
  }
  return undefined;
}

function noteLosses(draft: ChatDraft, translations: Translations): void {
  for (const field of draft.unknownFields) translations.note(field, "dropped");
  const dropped = {
    seed: draft.seed,
    top_k: draft.topK,
    frequency_penalty: draft.frequencyPenalty,
    presence_penalty: draft.presencePenalty,
    n: draft.choices,
  };
  for (const [field, value] of Object.entries(dropped)) if (value !== undefined) translations.note(field, "dropped");
  for (const { name } of draft.messages) if (name !== undefined) translations.note("messages[].name", "dropped");
}

function encodeTools({ tools }: ChatDraft, translations: Translations): Json | undefined {
  return tools?.map(({ name, description, schema, strict, cacheControl }) => {
    if (cacheControl) translations.note("tools[].cache_control", "dropped");
    // Left out, it would mean `true` here: other formats' schemas are seldom as strict as that.
    return { type: "function", name, ...given({ description }), parameters: schema, strict: strict ?? false };
  });
}

function encodeToolChoice({ toolChoice }: ChatDraft): Json | undefined {
  return toolChoice?.kind === "named" ? { type: "function", name: toolChoice.name } : toolChoice?.kind;
}

function encodeText({ responseFormat: format }: ChatDraft): JsonObject | undefined {
  if (!format) return undefined;
  if (format.kind === "json-object") return { format: { type: "json_object" } };
  const { name, description, schema, strict } = format;
  return { format: { type: "json_schema", name, ...given({ description, strict }), schema } };
}

/** Where Anthropic's number of tokens to think lies among the words for it. */
const LOW_BUDGET = 4_096;
const MEDIUM_BUDGET = 16_384;

function encodeReasoning({ reasoning }: ChatDraft, translations: Translations): { reasoning?: JsonObject } {
  if (!reasoning) return {};
  const { effort, budgetTokens, summary } = reasoning;
  let word = effort === undefined ? undefined : encodeEffort(effort);
  if (budgetTokens !== undefined) {
    translations.note("thinking.budget_tokens", word === undefined ? "mapped" : "dropped");
    word ??= budgetTokens <= LOW_BUDGET ? "low" : budgetTokens <= MEDIUM_BUDGET ? "medium" : "high";
  }
  const said = given({ effort: word, summary });
  return Object.keys(said).length > 0 ? { reasoning: said } : {};
}

/** Reasoning that only the provider can read is asked for where there may be some: without it the next turn starts from nothing. */
function includes({ logprobs, reasoning }: ChatDraft): Json | undefined {
  const wishes = [
    ...(logprobs ? ["message.output_text.logprobs"] : []),
    ...(reasoning && reasoning.effort !== "off" ? ["reasoning.encrypted_content"] : []),
  ];
  return wishes.length > 0 ? wishes : undefined;
}
