import type { ChatDraft, ContentBlock, Message } from "../../core/draft.ts";
import { isJsonObject, type Json, type JsonObject } from "../../core/json.ts";
import { ok, type Result } from "../../core/result.ts";
import type { AttemptRequest, WireRequest } from "../../core/wire.ts";
import { BodyPatches, withQuirks } from "../quirks.ts";
import { given } from "../read.ts";
import { Translations, untranslatable } from "../translations.ts";
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

function built(attempt: AttemptRequest, draft: ChatDraft, translations: Translations): Result<string> {
  const [refused] = draft.untranslatable;
  if (refused !== undefined) return untranslatable(refused);
  for (const field of draft.unknownFields) translations.note(field, "dropped");
  const { stream, quirks } = attempt;
  if (draft.topK !== undefined) translations.note("top_k", quirks.has("vllm") ? "mapped" : "dropped");
  if (draft.stop) translations.note("stop_sequences", "mapped");
  if (draft.endUser !== undefined) translations.note("metadata.user_id", "mapped");
  const [maxTokens] = maxTokensNames(attempt);
  const limit = attempt.maxOutputTokens ?? draft.maxOutputTokens;
  const body = {
    model: attempt.model,
    messages: draft.messages.map((message) => encodeMessage(message, translations)),
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
    }),
    ...(stream && { stream }),
    ...(stream && !quirks.has("no-stream-options") && { stream_options: { include_usage: true } }),
  };
  return ok(JSON.stringify(withQuirks(body, attempt, translations)));
}

function encodeMessage({ role, content, name }: Message, translations: Translations): JsonObject {
  const texts = content.filter((block) => block.type === "text");
  if (content.some((block) => block.type === "reasoning"))
    translations.note("messages[].content[].thinking", "dropped");
  return { role, content: encodeContent(texts), ...given({ name }) };
}

/** One text is a plain string, which every backend takes; several stay apart. */
function encodeContent(texts: readonly Extract<ContentBlock, { type: "text" }>[]): Json {
  const [first] = texts;
  if (texts.length > 1) return texts.map(({ text }) => ({ type: "text", text }));
  return first?.text ?? "";
}
