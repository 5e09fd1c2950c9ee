import type { ChatDraft, ReasoningWish } from "../../core/draft.ts";
import { isJsonObject } from "../../core/json.ts";
import { ok, type Result } from "../../core/result.ts";
import type { AttemptRequest, WireRequest } from "../../core/wire.ts";
import { BodyPatches, withQuirks } from "../quirks.ts";
import { given } from "../read.ts";
import { effortOf, effortWord } from "../reasoning.ts";
import { Draftsman, Translations, untranslatable } from "../translations.ts";
import { encodeMessages, whyUnsayable } from "./upstream-messages.ts";
import { encodeWishes } from "./wishes.ts";
import { NAME } from "./words.ts";

/** A body for `POST /chat/completions`: the caller's own text, patched, where the caller speaks this format; else built from the draft. */
export function encodeRequest(attempt: AttemptRequest): Result<WireRequest> {
  const { draft } = attempt;
  if (draft.operation !== "chat") throw new Error("a chat format was asked to carry another operation");
  const translations = new Translations();
  const body = attempt.clientWire === NAME ? ok(patched(attempt, translations)) : built(attempt, draft, translations);
  if (!body.ok) return body;
  return ok({
    path: "/chat/completions",
    headers: {
      "content-type": "application/json",
      accept: attempt.stream ? "text/event-stream" : "application/json",
    },
    body: body.value,
    translations: translations.list(),
  });
}

function patched(attempt: AttemptRequest, translations: Translations): string {
  const { stream, maxOutputTokens, quirks } = attempt;
  const patches = new BodyPatches(attempt, translations);
  patches.stream();
  if (stream && !quirks.has("no-stream-options")) {
    const options = patches.before("stream_options");
    const before = isJsonObject(options) ? options : {};
    if (before.include_usage !== true) patches.put("stream_options", { ...before, include_usage: true });
  } else {
    patches.remove("stream_options");
  }
  if (maxOutputTokens !== undefined) {
    // One of the two names alone, so that the cap holds whichever of them the backend reads.
    const [name, other] = maxTokensNames(attempt);
    patches.put(name, maxOutputTokens, patches.before(name) ?? patches.before(other));
    patches.remove(other, false);
  }
  return patches.text();
}

function maxTokensNames({ quirks }: AttemptRequest): readonly [string, string] {
  return quirks.has("max-completion-tokens")
    ? ["max_completion_tokens", "max_tokens"]
    : ["max_tokens", "max_completion_tokens"];
}

/** The body from the draft alone, in whatever format the caller spoke. */
export function built(attempt: AttemptRequest, draft: ChatDraft, translations: Translations): Result<string> {
  const draftsman = new Draftsman(attempt, translations);
  const [refused] = draft.untranslatable;
  if (refused !== undefined) return untranslatable(refused);
  for (const [index, { content }] of draft.messages.entries()) {
    for (const block of content) {
      const why = whyUnsayable(block, draftsman);
      if (why) return untranslatable(draftsman.pathOf(index), why);
    }
  }
  for (const field of draft.unknownFields) translations.note(field, "dropped");
  const { stream, quirks } = attempt;
  draftsman.noteIf(draft.topK, "topK", quirks.has("vllm") ? "mapped" : "dropped");
  draftsman.noteIf(draft.stop, "stop", "mapped");
  draftsman.noteIf(draft.endUser, "endUser", "mapped");
  noteWishes(draft, draftsman);
  const [maxTokens] = maxTokensNames(attempt);
  const limit = attempt.maxOutputTokens ?? draft.maxOutputTokens;
  const body = {
    model: attempt.model,
    messages: encodeMessages(draft.messages, draftsman),
    ...given({
      [maxTokens]: limit,
      temperature: draft.temperature,
      top_p: draft.topP,
      top_k: quirks.has("vllm") ? draft.topK : undefined,
      n: draft.choices,
      stop: draft.stop,
      seed: draft.seed,
      frequency_penalty: draft.frequencyPenalty,
      presence_penalty: draft.presencePenalty,
      user: draft.endUser,
      reasoning_effort: draft.reasoning && encodeReasoning(draft.reasoning, draftsman),
      service_tier: draft.serviceTier && encodeTier(draft.serviceTier, draftsman),
    }),
    ...encodeWishes(draft),
    ...(stream && { stream }),
    ...(stream && !quirks.has("no-stream-options") && { stream_options: { include_usage: true } }),
  };
  return ok(JSON.stringify(withQuirks(body, attempt, translations)));
}

function noteWishes(draft: ChatDraft, draftsman: Draftsman): void {
  draftsman.noteIf(draft.tools, "tools", "mapped");
  draftsman.noteIf(draft.toolChoice, "toolChoice", "mapped");
  draftsman.noteIf(draft.parallelToolCalls, "parallelToolCalls", "mapped");
  draftsman.noteIf(draft.responseFormat, "responseFormat", "mapped");
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
  draftsman.note("serviceTier", "mapped");
  return TIERS[tier] ?? tier;
}
