import type { CompleteDraft } from "../../core/draft.ts";
import type { JsonObject } from "../../core/json.ts";
import { ok, type Result } from "../../core/result.ts";
import type { AttemptRequest } from "../../core/wire.ts";
import { carrying } from "../carry.ts";
import { patchStream, sampling, streaming } from "../openai-chat/choice-request.ts";
import { given } from "../read.ts";
import { type Translations, untranslatable } from "../translations.ts";
import { NAME } from "./words.ts";

/** A body for `POST /completions`. */
export const encodeRequest = carrying({
  wire: NAME,
  operation: "complete",
  path: "/completions",
  patch: (patches, attempt) => {
    patchStream(patches, attempt);
    if (attempt.maxOutputTokens !== undefined) patches.put("max_tokens", attempt.maxOutputTokens);
  },
  build,
});

function build(attempt: AttemptRequest, draft: CompleteDraft, translations: Translations): Result<JsonObject> {
  const [refused] = draft.untranslatable;
  if (refused !== undefined) return untranslatable(refused);
  for (const field of draft.unknownFields) translations.note(field, "dropped");
  const [prompt] = draft.prompts;
  return ok({
    model: attempt.model,
    prompt: draft.prompts.length > 1 ? draft.prompts : (prompt ?? ""),
    ...given({
      suffix: draft.suffix,
      max_tokens: attempt.maxOutputTokens ?? draft.maxOutputTokens,
      best_of: draft.bestOf,
      echo: draft.echo,
      logprobs: draft.logprobs?.top,
    }),
    ...sampling(attempt, draft),
    ...streaming(attempt),
  });
}
