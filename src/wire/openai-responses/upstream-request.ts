import type { ChatDraft } from "../../core/draft.ts";
import type { Json, JsonObject } from "../../core/json.ts";
import { ok, type Result } from "../../core/result.ts";
import type { AttemptRequest } from "../../core/wire.ts";
import { carrying } from "../carry.ts";
import { given } from "../read.ts";
import { effortOf, effortWord } from "../reasoning.ts";
import { Draftsman, type Translations, untranslatable } from "../translations.ts";
import { encodeInput } from "./upstream-input.ts";
import { NAME } from "./words.ts";

/** A body for `POST /responses`. */
export const encodeRequest = carrying({
  wire: NAME,
  operation: "chat",
  path: "/responses",
  patch: (patches, attempt) => {
    patches.stream();
    if (attempt.maxOutputTokens !== undefined) patches.put("max_output_tokens", attempt.maxOutputTokens);
    // Unless it is told not to, the provider keeps the answer, under the one account that all tenants share.
    patches.put("store", false);
    if (!attempt.stream) patches.remove("stream_options");
  },
  build,
});

function build(attempt: AttemptRequest, draft: ChatDraft, translations: Translations): Result<JsonObject> {
  const draftsman = new Draftsman(attempt, translations);
  const refused = refusal(draft, draftsman);
  if (refused) return refused;
  noteLosses(draft, draftsman);
  return ok({
    model: attempt.model,
    input: encodeInput(draft.messages, draftsman),
    ...given({
      tools: encodeTools(draft, draftsman),
      tool_choice: encodeToolChoice(draft),
      parallel_tool_calls: draft.parallelToolCalls,
      text: encodeText(draft),
      reasoning: encodeReasoning(draft, draftsman),
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
  });
}

/** What cannot be said here without changing its meaning, by the name that the caller used. */
function refusal(draft: ChatDraft, draftsman: Draftsman) {
  const [field] = draft.untranslatable;
  if (field !== undefined) return untranslatable(field);
  if ((draft.choices ?? 1) > 1) {
    return untranslatable(draftsman.nameOf("choices"), "the backend of this model gives one choice");
  }
  if (draft.stop) return untranslatable(draftsman.nameOf("stop"), "the backend of this model takes no stop sequences");
  return undefined;
}

function noteLosses(draft: ChatDraft, draftsman: Draftsman): void {
  for (const field of draft.unknownFields) draftsman.translations.note(field, "dropped");
  draftsman.noteIf(draft.seed, "seed", "dropped");
  draftsman.noteIf(draft.topK, "top_k", "dropped");
  draftsman.noteIf(draft.frequencyPenalty, "frequency_penalty", "dropped");
  draftsman.noteIf(draft.presencePenalty, "presence_penalty", "dropped");
  draftsman.noteIf(draft.choices, "choices", "dropped");
  for (const { name } of draft.messages) draftsman.noteIf(name, "senderName", "dropped");
}

function encodeTools({ tools }: ChatDraft, draftsman: Draftsman): Json | undefined {
  return tools?.map(({ name, description, schema, strict, cacheControl }) => {
    draftsman.noteIf(cacheControl, "toolCacheControl", "dropped");
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

function encodeReasoning({ reasoning }: ChatDraft, draftsman: Draftsman): JsonObject | undefined {
  if (!reasoning) return undefined;
  const { effort, budgetTokens, summary } = reasoning;
  draftsman.noteIf(budgetTokens, "reasoning", "mapped");
  const word = effort ?? (budgetTokens === undefined ? undefined : effortOf(budgetTokens));
  // Anthropic's words for it say whether it is to be seen at all.
  const isSeen = summary === "summarized" ? "auto" : summary === "omitted" ? undefined : summary;
  const said = given({ effort: word && effortWord(word), summary: isSeen });
  return Object.keys(said).length > 0 ? said : undefined;
}

/** Reasoning that only the provider can read is asked for where there may be some: without it the next turn starts from nothing. */
function includes({ logprobs, reasoning }: ChatDraft): Json | undefined {
  const wishes = [
    ...(logprobs ? ["message.output_text.logprobs"] : []),
    ...(reasoning && reasoning.effort !== "off" ? ["reasoning.encrypted_content"] : []),
  ];
  return wishes.length > 0 ? wishes : undefined;
}
