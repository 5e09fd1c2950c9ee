import type { CompleteDraft } from "../../core/draft.ts";
import { isJsonObject } from "../../core/json.ts";
import { ok, type Result } from "../../core/result.ts";
import type { AttemptRequest, WireRequest } from "../../core/wire.ts";
import { BodyPatches, withQuirks } from "../quirks.ts";
import { given } from "../read.ts";
import { Translations, untranslatable } from "../translations.ts";
import { NAME } from "./words.ts";

/** A body for `POST /completions`: the caller's own text, patched, where the caller speaks this format; else built from the draft. */
export function encodeRequest(attempt: AttemptRequest): Result<WireRequest> {
  const { draft } = attempt;
  if (draft.operation !== "complete") throw new Error("a completion format was asked to carry another operation");
  const translations = new Translations();
  const body = attempt.clientWire === NAME ? ok(patched(attempt, translations)) : built(attempt, draft, translations);
  if (!body.ok) return body;
  return ok({
    path: "/completions",
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
  if (maxOutputTokens !== undefined) patches.put("max_tokens", maxOutputTokens);
  return patches.text();
}

function built(attempt: AttemptRequest, draft: CompleteDraft, translations: Translations): Result<string> {
  const [refused] = draft.untranslatable;
  if (refused !== undefined) return untranslatable(refused);
  for (const field of draft.unknownFields) translations.note(field, "dropped");
  const { stream, quirks } = attempt;
  const [prompt] = draft.prompts;
  const body = {
    model: attempt.model,
    prompt: draft.prompts.length > 1 ? draft.prompts : (prompt ?? ""),
    ...given({
      suffix: draft.suffix,
      max_tokens: attempt.maxOutputTokens ?? draft.maxOutputTokens,
      temperature: draft.temperature,
      top_p: draft.topP,
      top_k: quirks.has("vllm") ? draft.topK : undefined,
      n: draft.choices,
      best_of: draft.bestOf,
      echo: draft.echo,
      logprobs: draft.logprobs?.top,
      stop: draft.stop,
      seed: draft.seed,
      frequency_penalty: draft.frequencyPenalty,
      presence_penalty: draft.presencePenalty,
      user: draft.endUser,
    }),
    ...(stream && { stream }),
    ...(stream && !quirks.has("no-stream-options") && { stream_options: { include_usage: true } }),
  };
  return ok(JSON.stringify(withQuirks(body, attempt, translations)));
}
