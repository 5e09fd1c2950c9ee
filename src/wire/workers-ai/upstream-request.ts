import { isJsonObject, type Json, type JsonObject } from "../../core/json.ts";
import type { Result } from "../../core/result.ts";
import type { AttemptRequest, WireRequest } from "../../core/wire.ts";
import { inWordsOf } from "../carry.ts";
import { build } from "../openai-chat/upstream-request.ts";
import { asksForSomething, isList } from "../read.ts";
import { Translations, untranslatable } from "../translations.ts";
import { runOf } from "./run.ts";

/** What Workers AI's text generation takes (`AiTextGenerationInput` in @cloudflare/workers-types); anything else it passes over in silence. */
const TAKEN = new Set([
  "messages",
  "temperature",
  "top_p",
  "top_k",
  "seed",
  "repetition_penalty",
  "frequency_penalty",
  "presence_penalty",
  "response_format",
  "tools",
]);
/** Their loss would change the answer, or what the caller can do with it. */
const REFUSED = ["stop", "logprobs", "logit_bias", "functions", "function_call", "guided_json", "structured_outputs"];
/** The model's name is the path; whether to stream is the attempt's, and the cap stands under `max_tokens`. */
const ELSEWHERE = new Set(["model", "stream", "stream_options", "max_tokens", "max_completion_tokens"]);

/** The input of `AI.run`: an OpenAI chat request in the words that Workers AI takes. */
export function encodeRequest(attempt: AttemptRequest): Result<WireRequest> {
  const translations = new Translations();
  const { draft, clientWire, maxOutputTokens: cap, stream } = attempt;
  if (draft.operation !== "chat") throw new Error("a chat format was asked to carry another operation");
  if ((draft.choices ?? 1) > 1) return untranslatable("n", "the backend of this model gives one choice");
  const chat = inWordsOf("openai-chat", build, attempt, draft, translations);
  if (!chat.ok) return chat;
  const input: Record<string, Json> = {};
  for (const [field, value] of Object.entries(chat.value)) {
    if (REFUSED.includes(field) && asksForSomething(value))
      return untranslatable(field, "the backend of this model has no such parameter");
    if (TAKEN.has(field)) input[field] = value;
    else if (field === "tool_choice" && value !== "auto" && asksForSomething(chat.value.tools))
      return untranslatable(field);
    else if (!ELSEWHERE.has(field)) translations.note(field, "dropped");
  }
  const maxTokens = cap ?? draft.maxOutputTokens;
  if (maxTokens !== undefined) input.max_tokens = maxTokens;
  if (clientWire === "openai-chat" && maxTokens !== draft.maxOutputTokens)
    translations.note("max_tokens", draft.maxOutputTokens === undefined ? "added" : "mapped");
  const structured = structureOf(input.response_format, translations);
  if (structured) input.response_format = structured;
  else delete input.response_format;
  // Its JSON mode does not stream ("JSON Mode", Workers AI's docs): the whole answer comes instead, and is told as a stream.
  if (stream && !structured) input.stream = true;
  if (isList(input.messages)) input.messages = input.messages.map((message) => messageOf(message, translations));
  return runOf(attempt, input, translations);
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
