import { isJsonObject, type Json, type JsonObject } from "../../core/json.ts";
import { ok, type Result } from "../../core/result.ts";
import type { AttemptRequest, WireRequest } from "../../core/wire.ts";
import { encodeRequest as encodeChat } from "../openai-chat/upstream-request.ts";
import { asksForSomething, isList } from "../read.ts";
import { Translations, untranslatable } from "../translations.ts";

/** What Workers AI's text generation takes (`AiTextGenerationInput` in @cloudflare/workers-types); anything else it passes over in silence. */
const TAKEN = new Set([
  "messages",
  "max_tokens",
  "temperature",
  "top_p",
  "top_k",
  "seed",
  "repetition_penalty",
  "frequency_penalty",
  "presence_penalty",
  "response_format",
  "tools",
  "stream",
]);
/** Their loss would change the answer, or what the caller can do with it. */
const REFUSED = ["stop", "logprobs", "logit_bias", "functions", "function_call", "guided_json", "structured_outputs"];
/** The model's name is the path; the cap stands under `max_tokens`. */
const ELSEWHERE = new Set(["model", "stream_options", "max_completion_tokens"]);

/** The input of `AI.run`: an OpenAI chat request, made as for any backend of that format, in the words that Workers AI takes. */
export function encodeRequest(attempt: AttemptRequest): Result<WireRequest> {
  const translations = new Translations();
  const { draft, quirks } = attempt;
  if (draft.operation === "chat" && (draft.choices ?? 1) > 1)
    return untranslatable("n", "the backend of this model gives one choice");
  const chat = encodeChat({
    ...attempt,
    clientWire: attempt.clientWire === "workers-ai" ? "openai-chat" : attempt.clientWire,
    quirks: new Set([...quirks, "no-stream-options"] as const),
  });
  if (!chat.ok) return chat;
  for (const { field, what } of chat.value.translations) translations.note(field, what);
  const body = JSON.parse(chat.value.body) as JsonObject;
  const input: Record<string, Json> = {};
  for (const [field, value] of Object.entries(body)) {
    if (REFUSED.includes(field) && asksForSomething(value))
      return untranslatable(field, "the backend of this model has no such parameter");
    if (TAKEN.has(field)) input[field] = value;
    else if (field === "tool_choice" && value !== "auto" && asksForSomething(body.tools)) return untranslatable(field);
    else if (!ELSEWHERE.has(field)) translations.note(field, "dropped");
  }
  const structured = structureOf(input.response_format, translations);
  if (structured) input.response_format = structured;
  else delete input.response_format;
  // Its JSON mode does not stream ("JSON Mode", Workers AI's docs): the whole answer comes instead, and is told as a stream.
  if (structured) delete input.stream;
  if (isList(input.messages)) input.messages = input.messages.map((message) => messageOf(message, translations));
  return ok({
    path: `/${attempt.model}`,
    headers: {},
    body: JSON.stringify(input),
    translations: translations.list(),
  });
}

/** The schema itself stands where OpenAI has a named one around it. */
function structureOf(format: Json | undefined, translations: Translations): JsonObject | undefined {
  if (!isJsonObject(format) || format.type === "text") return undefined;
  const { json_schema: named } = format;
  if (!isJsonObject(named) || !isJsonObject(named.schema)) return format;
  translations.note("response_format", "mapped");
  return { type: "json_schema", json_schema: named.schema };
}

/** Roles are system, user, assistant and tool; content is never null. */
function messageOf(message: Json, translations: Translations): Json {
  if (!isJsonObject(message)) return message;
  const isDeveloper = message.role === "developer";
  if (isDeveloper) translations.note("messages[].role", "mapped");
  return { ...message, ...(isDeveloper && { role: "system" }), content: message.content ?? "" };
}
