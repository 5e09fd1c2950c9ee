import type { ChatDraft, ReasoningWish } from "../../core/draft.ts";
import type { JsonObject } from "../../core/json.ts";
import { ok, type Result } from "../../core/result.ts";
import type { AttemptRequest } from "../../core/wire.ts";
import { carrying } from "../carry.ts";
import { given } from "../read.ts";
import { effortOf, effortWord } from "../reasoning.ts";
import { Draftsman, type Translations, untranslatable } from "../translations.ts";
import { patchStream, sampling, streaming } from "./choice-request.ts";
import { encodeMessages, whyUnsayable } from "./upstream-messages.ts";
import { encodeWishes } from "./wishes.ts";
import { NAME } from "./words.ts";

/** A body for `POST /chat/completions`. */
export const encodeRequest = carrying({
  wire: NAME,
  operation: "chat",
  path: "/chat/completions",
  patch: (patches, attempt) => {
    patchStream(patches, attempt);
    if (attempt.maxOutputTokens === undefined) return;
    // One of the two names alone, so that the cap holds whichever of them the backend reads.
    const [name, other] = maxTokensNames(attempt);
    patches.put(name, attempt.maxOutputTokens, patches.before(name) ?? patches.before(other));
    patches.remove(other, false);
  },
  build,
});

function maxTokensNames({ quirks }: AttemptRequest): readonly [string, string] {
  return quirks.has("max-completion-tokens")
    ? ["max_completion_tokens", "max_tokens"]
    : ["max_tokens", "max_completion_tokens"];
}

export function build(attempt: AttemptRequest, draft: ChatDraft, translations: Translations): Result<JsonObject> {
  const draftsman = new Draftsman(attempt, translations);
  const [refused] = draft.untranslatable;
  if (refused !== undefined) return untranslatable(refused);
  const unsaid = draftsman.refusedBlock(draft.messages, (block, inResult) => whyUnsayable(block, inResult, draftsman));
  if (unsaid) return unsaid;
  for (const field of draft.unknownFields) translations.note(field, "dropped");
  draftsman.noteIf(draft.topK, "top_k", attempt.quirks.has("vllm") ? "mapped" : "dropped");
  draftsman.noteIf(draft.stop, "stop", "mapped");
  draftsman.noteIf(draft.endUser, "endUser", "mapped");
  noteWishes(draft, draftsman);
  const [maxTokens] = maxTokensNames(attempt);
  return ok({
    model: attempt.model,
    messages: encodeMessages(draft.messages, draftsman),
    ...given({
      [maxTokens]: attempt.maxOutputTokens ?? draft.maxOutputTokens,
      reasoning_effort: draft.reasoning && encodeReasoning(draft.reasoning, draftsman),
      service_tier: draft.serviceTier && encodeTier(draft.serviceTier, draftsman),
    }),
    ...sampling(attempt, draft),
    ...encodeWishes(draft),
    ...streaming(attempt),
  });
}

function noteWishes(draft: ChatDraft, draftsman: Draftsman): void {
  draftsman.noteIf(draft.tools, "tools", "mapped");
  draftsman.noteIf(draft.toolChoice, "tool_choice", "mapped");
  draftsman.noteIf(draft.parallelToolCalls, "parallel_tool_calls", "mapped");
  draftsman.noteIf(draft.responseFormat, "response_format", "mapped");
  if (draft.tools?.some(({ cacheControl }) => cacheControl)) draftsman.note("toolCacheControl", "dropped");
}

function encodeReasoning({ effort, budgetTokens, summary }: ReasoningWish, draftsman: Draftsman): string | undefined {
  const word = effort ?? (budgetTokens === undefined ? undefined : effortOf(budgetTokens));
  draftsman.note("reasoning", word === undefined ? "dropped" : "mapped");
  draftsman.noteIf(summary, "reasoningSummary", "dropped");
  return word && effortWord(word);
}

/** Anthropic's two words; others are this format's own, or nobody's. */
const TIERS: Readonly<Record<string, string>> = { standard_only: "default" };

function encodeTier(tier: string, draftsman: Draftsman): string {
  draftsman.note("service_tier", "mapped");
  return TIERS[tier] ?? tier;
}
