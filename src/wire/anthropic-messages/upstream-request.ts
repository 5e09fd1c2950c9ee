import type { ChatDraft } from "../../core/draft.ts";
import { badRequest } from "../../core/failure.ts";
import type { JsonObject } from "../../core/json.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import type { AttemptRequest } from "../../core/wire.ts";
import { carrying } from "../carry.ts";
import type { Word } from "../names.ts";
import { given } from "../read.ts";
import { Draftsman, type Translations, untranslatable } from "../translations.ts";
import { encodeThinking } from "./thinking.ts";
import { encodeMessages, encodeSystem, whyUnsayable } from "./upstream-messages.ts";
import { encodeWishes } from "./wishes.ts";
import { NAME } from "./words.ts";

/** The version of the API that this folder speaks. */
const API_VERSION = "2023-06-01";
const MAX_TEMPERATURE = 1;

/** A body for `POST /v1/messages`. */
export const encodeRequest = carrying({
  wire: NAME,
  operation: "chat",
  path: "/messages",
  headers: { "anthropic-version": API_VERSION },
  patch: (patches, attempt) => {
    patches.stream();
    if (attempt.maxOutputTokens !== undefined) patches.put("max_tokens", attempt.maxOutputTokens);
  },
  build,
});

export function build(attempt: AttemptRequest, draft: ChatDraft, translations: Translations): Result<JsonObject> {
  const draftsman = new Draftsman(attempt, translations);
  const refused = refusal(draft, draftsman);
  if (refused) return refused;
  const maxTokens = attempt.maxOutputTokens ?? draft.maxOutputTokens;
  if (maxTokens === undefined)
    return fail(badRequest("`max_tokens` is required.", "max_tokens", "missing_required_parameter"));
  noteLosses(draft, draftsman);
  const first = draft.messages.findIndex(({ role }) => role !== "system" && role !== "developer");
  const system = draft.messages.slice(0, first);
  if (system.some(({ role }) => role === "developer")) draftsman.note("role", "mapped");
  return ok({
    model: attempt.model,
    max_tokens: maxTokens,
    ...given({ system: encodeSystem(system, draftsman) }),
    messages: encodeMessages(draft.messages.slice(first), draftsman),
    ...given({
      temperature: draft.temperature,
      top_p: draft.topP,
      // -1 and 0 mean "all" to vLLM; here they cannot be said, and need not be.
      top_k: draft.topK !== undefined && draft.topK > 0 ? draft.topK : undefined,
      stop_sequences: draft.stop,
      metadata: draft.endUser === undefined ? undefined : { user_id: draft.endUser },
      thinking: encodeThinking(draft, maxTokens, draftsman),
      service_tier: draft.serviceTier && encodeTier(draft.serviceTier, draftsman),
    }),
    ...encodeWishes(draft),
    ...(attempt.stream && { stream: true }),
  });
}

/** What cannot be said here without changing its meaning, by the name that the caller used. */
function refusal(draft: ChatDraft, draftsman: Draftsman) {
  const [field] = draft.untranslatable;
  if (field !== undefined) return untranslatable(field);
  const refuse = (word: Word, why: string) =>
    untranslatable(draftsman.nameOf(word), `the backend of this model ${why}`);
  if ((draft.choices ?? 1) > 1) return refuse("choices", "gives one choice");
  if (draft.logprobs) return refuse("logprobs", "tells no log probabilities");
  if (draft.responseFormat?.kind === "json-object") {
    // An instruction in the prompt would be a hope where the caller was promised a form.
    return refuse("response_format", "promises JSON by a schema alone: send a json_schema");
  }
  if ((draft.temperature ?? 0) > MAX_TEMPERATURE) {
    // To send 1 instead would answer another question than the one that was asked.
    return untranslatable("temperature", `the backend of this model takes at most ${MAX_TEMPERATURE}`);
  }
  if (draft.stop?.some((stop) => stop.trim() === "")) {
    return refuse("stop", "takes no stop sequence of white space alone");
  }
  const refused = draftsman.refusedBlock(draft.messages, (block) => whyUnsayable(block, draftsman));
  if (refused) return refused;
  if (draft.messages.every(({ role }) => role === "system" || role === "developer")) {
    return refuse("messages", "wants a message from the user");
  }
  return undefined;
}

function noteLosses(draft: ChatDraft, draftsman: Draftsman): void {
  for (const field of draft.unknownFields) draftsman.translations.note(field, "dropped");
  draftsman.noteIf(draft.seed, "seed", "dropped");
  draftsman.noteIf(draft.frequencyPenalty, "frequency_penalty", "dropped");
  draftsman.noteIf(draft.presencePenalty, "presence_penalty", "dropped");
  draftsman.noteIf(draft.choices, "choices", "dropped");
  draftsman.noteIf(draft.promptCacheKey, "prompt_cache_key", "dropped");
  draftsman.noteIf(draft.stop, "stop", "mapped");
  draftsman.noteIf(draft.endUser, "endUser", "mapped");
  draftsman.noteIf(draft.tools, "tools", "mapped");
  draftsman.noteIf(draft.toolChoice, "tool_choice", "mapped");
  draftsman.noteIf(draft.parallelToolCalls, "parallel_tool_calls", "mapped");
  // Of a schema's name, description and strictness this format has the last alone, and always.
  draftsman.noteIf(draft.responseFormat, "response_format", "mapped");
}

/** The two words of this format, and OpenAI's for the same; a tier that is another provider's own is left to the default. */
const TIERS: Readonly<Record<string, string>> = {
  auto: "auto",
  standard_only: "standard_only",
  default: "standard_only",
};

function encodeTier(tier: string, draftsman: Draftsman): string | undefined {
  const word = Object.hasOwn(TIERS, tier) ? TIERS[tier] : undefined;
  draftsman.note("service_tier", word === undefined ? "dropped" : "mapped");
  return word;
}
