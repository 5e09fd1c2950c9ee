import type { ChatDraft, ContentBlock, Message } from "../../core/draft.ts";
import { badRequest } from "../../core/failure.ts";
import type { Json, JsonObject } from "../../core/json.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import type { AttemptRequest, WireRequest } from "../../core/wire.ts";
import { BodyPatches, withQuirks } from "../quirks.ts";
import { given } from "../read.ts";
import { Translations, untranslatable } from "../translations.ts";
import { NAME } from "./words.ts";

/** The version of the API that this folder speaks. */
const API_VERSION = "2023-06-01";
const MAX_TEMPERATURE = 1;

/** A body for `POST /v1/messages`: the caller's own text, patched, where the caller speaks this format; else built from the draft. */
export function encodeRequest(attempt: AttemptRequest): Result<WireRequest> {
  const { draft } = attempt;
  if (draft.operation !== "chat") throw new Error("a chat format was asked to carry another operation");
  const translations = new Translations();
  const body = attempt.clientWire === NAME ? ok(patched(attempt, translations)) : built(attempt, draft, translations);
  if (!body.ok) return body;
  return ok({
    path: "/messages",
    headers: {
      "content-type": "application/json",
      accept: attempt.stream ? "text/event-stream" : "application/json",
      "anthropic-version": API_VERSION,
    },
    body: body.value,
    translations: translations.list(),
  });
}

function patched(attempt: AttemptRequest, translations: Translations): string {
  const patches = new BodyPatches(attempt, translations);
  patches.stream();
  if (attempt.maxOutputTokens !== undefined) patches.put("max_tokens", attempt.maxOutputTokens);
  return patches.text();
}

function built(attempt: AttemptRequest, draft: ChatDraft, translations: Translations): Result<string> {
  const refused = refusal(draft);
  if (refused) return refused;
  const maxTokens = attempt.maxOutputTokens ?? draft.maxOutputTokens;
  if (maxTokens === undefined)
    return fail(badRequest("`max_tokens` is required.", "max_tokens", "missing_required_parameter"));
  noteLosses(draft, translations);
  const first = draft.messages.findIndex(({ role }) => role !== "system" && role !== "developer");
  const system = draft.messages.slice(0, first).flatMap(({ content }) => textsOf(content));
  const body = {
    model: attempt.model,
    max_tokens: maxTokens,
    ...(system.some((text) => text !== "") && { system: encodeTexts(system) }),
    messages: draft.messages.slice(first).map(encodeMessage),
    ...given({
      temperature: draft.temperature,
      top_p: draft.topP,
      // -1 and 0 mean "all" to vLLM; here they cannot be said, and need not be.
      top_k: draft.topK !== undefined && draft.topK > 0 ? draft.topK : undefined,
      stop_sequences: draft.stop,
      metadata: draft.endUser === undefined ? undefined : { user_id: draft.endUser },
    }),
    ...(attempt.stream && { stream: true }),
  };
  return ok(JSON.stringify(withQuirks(body, attempt, translations)));
}

/** What cannot be said here without changing its meaning, by the name that the caller used. */
function refusal(draft: ChatDraft) {
  const [field] = draft.untranslatable;
  if (field !== undefined) return untranslatable(field);
  if ((draft.choices ?? 1) > 1) return untranslatable("n", "the backend of this model gives one choice");
  if ((draft.temperature ?? 0) > MAX_TEMPERATURE) {
    // To send 1 instead would answer another question than the one that was asked.
    return untranslatable("temperature", `the backend of this model takes at most ${MAX_TEMPERATURE}`);
  }
  const blank = draft.stop?.findIndex((stop) => stop.trim() === "") ?? -1;
  if (blank !== -1)
    return untranslatable("stop", "the backend of this model takes no stop sequence of white space alone");
  const tool = draft.messages.findIndex(({ role }) => role === "tool");
  if (tool !== -1) return untranslatable(`messages[${tool}].role`);
  if (draft.messages.every(({ role }) => role === "system" || role === "developer")) {
    return untranslatable("messages", "the backend of this model wants a message from the user");
  }
  return undefined;
}

function noteLosses(draft: ChatDraft, translations: Translations): void {
  for (const field of draft.unknownFields) translations.note(field, "dropped");
  const noteIf = (said: unknown, field: string, what: "mapped" | "dropped") => {
    if (said !== undefined && said !== false) translations.note(field, what);
  };
  noteIf(draft.seed, "seed", "dropped");
  noteIf(draft.frequencyPenalty, "frequency_penalty", "dropped");
  noteIf(draft.presencePenalty, "presence_penalty", "dropped");
  noteIf(draft.choices, "n", "dropped");
  noteIf(draft.stop, "stop", "mapped");
  noteIf(draft.endUser, "user", "mapped");
  for (const { role, name, content } of draft.messages) {
    noteIf(name, "messages[].name", "dropped");
    noteIf(role === "developer", "messages[].role", "mapped");
    // Reasoning of an earlier turn counts here only with the signature of who reasoned.
    noteIf(
      content.some((block) => block.type === "reasoning"),
      "messages[].reasoning",
      "dropped",
    );
  }
}

/** A system message in mid-conversation stays where it stands. */
function encodeMessage({ role, content }: Message): JsonObject {
  return { role: role === "developer" ? "system" : role, content: encodeTexts(textsOf(content)) };
}

function textsOf(content: readonly ContentBlock[]): string[] {
  return content.flatMap((block) => (block.type === "text" ? [block.text] : []));
}

function encodeTexts(texts: readonly string[]): Json {
  return texts.length > 1 ? texts.map((text) => ({ type: "text", text })) : (texts[0] ?? "");
}
