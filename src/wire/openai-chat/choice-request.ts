import type { GenerativeDraft } from "../../core/draft.ts";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import type { AttemptRequest } from "../../core/wire.ts";
import type { BodyPatches } from "../quirks.ts";
import { given } from "../read.ts";

/** A stream is asked for with its usage, by which it is settled, unless the backend knows no such option. */
export function patchStream(patches: BodyPatches, { stream, quirks }: AttemptRequest): void {
  patches.stream();
  if (!stream || quirks.has("no-stream-options")) {
    patches.remove("stream_options");
    return;
  }
  const options = patches.before("stream_options");
  const before = isJsonObject(options) ? options : {};
  if (before.include_usage !== true) patches.put("stream_options", { ...before, include_usage: true });
}

/** The same, of a body that is built. */
export function streaming({ stream, quirks }: AttemptRequest): JsonObject {
  if (!stream) return {};
  return { stream, ...(!quirks.has("no-stream-options") && { stream_options: { include_usage: true } }) };
}

/** What both of OpenAI's formats of choices have the same words for. */
export function sampling({ quirks }: AttemptRequest, draft: GenerativeDraft): JsonObject {
  return given({
    temperature: draft.temperature,
    top_p: draft.topP,
    top_k: quirks.has("vllm") ? draft.topK : undefined,
    n: draft.choices,
    stop: draft.stop,
    seed: draft.seed,
    frequency_penalty: draft.frequencyPenalty,
    presence_penalty: draft.presencePenalty,
    user: draft.endUser,
  });
}
