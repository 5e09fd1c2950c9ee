import { isJsonObject, type JsonObject } from "../../json.ts";
import type { WireError } from "../errors.ts";
import { strictFormatProblem } from "./strict-format.ts";
import { strictToolsProblem } from "./strict-tools.ts";
import { openAiError, quotedList } from "./strict-words.ts";

/** The request fields of chat completions; OpenAI refuses any other, which keeps the extras of vLLM away from it. */
const KNOWN_FIELDS = new Set(
  (
    "messages model audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens metadata modalities moderation n " +
    "parallel_tool_calls prediction presence_penalty prompt_cache_key prompt_cache_options prompt_cache_retention reasoning_effort response_format " +
    "safety_identifier seed service_tier stop store stream stream_options temperature tool_choice tools top_logprobs top_p user verbosity web_search_options"
  ).split(" "),
);
const ROLES = ["system", "assistant", "user", "function", "tool", "developer"];
const LONGEST_CALL_ID = 40;

/** What OpenAI's own service would refuse of a chat, in its words; undefined where it would not. */
export function strictChatProblem(body: JsonObject): WireError | undefined {
  const unknown = Object.keys(body).find((name) => !KNOWN_FIELDS.has(name));
  if (unknown !== undefined) return openAiError(`Unrecognized request argument supplied: ${unknown}`, undefined, null);
  if (typeof body.model !== "string") return openAiError("you must provide a model parameter", undefined, null);
  const { messages } = body;
  if (messages === undefined) return missing("messages");
  if (!Array.isArray(messages))
    return openAiError("Invalid type for 'messages': expected an array of objects.", "messages", "invalid_type");
  if (messages.length === 0)
    return openAiError(
      "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
      "messages",
      "empty_array",
    );
  for (const [index, message] of messages.entries()) {
    const problem = messageProblem(message, `messages[${index}]`);
    if (problem !== undefined) return problem;
  }
  const objects = messages.filter(isJsonObject);
  return orderProblem(objects) ?? strictToolsProblem(body) ?? formatProblem(body, objects) ?? limitsProblem(body);
}

function missing(place: string): WireError {
  return openAiError(`Missing required parameter: '${place}'.`, place, "missing_required_parameter");
}

function messageProblem(message: unknown, place: string): WireError | undefined {
  if (!isJsonObject(message))
    return openAiError(`Invalid type for '${place}': expected an object.`, place, "invalid_type");
  const { role, content, tool_calls: calls } = message;
  if (role === undefined) return missing(`${place}.role`);
  if (typeof role !== "string" || !ROLES.includes(role))
    return openAiError(
      `Invalid value: '${String(role)}'. Supported values are: ${quotedList(ROLES)}.`,
      `${place}.role`,
      "invalid_value",
    );
  const mayBeEmpty = role === "assistant" && (calls !== undefined || message.refusal !== undefined);
  if (content === undefined && !mayBeEmpty) return missing(`${place}.content`);
  if (content === null && !mayBeEmpty)
    return openAiError(`Invalid value for 'content': expected a string, got null.`, `${place}.content`, null);
  if (role === "tool" && typeof message.tool_call_id !== "string") return missing(`${place}.tool_call_id`);
  return partsProblem(content, `${place}.content`) ?? (calls === undefined ? undefined : callsProblem(calls, place));
}

const PART_FIELDS: Readonly<Record<string, string>> = {
  text: "text",
  image_url: "image_url",
  input_audio: "input_audio",
  file: "file",
  refusal: "refusal",
};

function partsProblem(content: unknown, place: string): WireError | undefined {
  if (!Array.isArray(content)) return undefined;
  for (const [index, part] of content.entries()) {
    const at = `${place}[${index}]`;
    if (!isJsonObject(part)) return openAiError(`Invalid type for '${at}': expected an object.`, at, "invalid_type");
    if (part.type === undefined) return missing(`${at}.type`);
    const field = PART_FIELDS[String(part.type)];
    if (field === undefined)
      return openAiError(
        `Invalid value: '${String(part.type)}'. Supported values are: ${quotedList(Object.keys(PART_FIELDS))}.`,
        at,
        "invalid_value",
      );
    if (part[field] === undefined) return missing(`${at}.${field}`);
    if (part.type === "image_url" && !(isJsonObject(part.image_url) && typeof part.image_url.url === "string"))
      return openAiError(
        `Invalid type for '${at}.image_url': expected an object, but got a string instead.`,
        `${at}.image_url`,
        "invalid_type",
      );
  }
  return undefined;
}

function callsProblem(calls: unknown, place: string): WireError | undefined {
  const at = `${place}.tool_calls`;
  if (!Array.isArray(calls)) return openAiError(`Invalid type for '${at}': expected an array.`, at, "invalid_type");
  if (calls.length === 0)
    return openAiError(
      `Invalid '${at}': empty array. Expected an array with minimum length 1, but got an empty array instead.`,
      at,
      "empty_array",
    );
  for (const [index, call] of calls.entries()) {
    const here = `${at}[${index}]`;
    if (!isJsonObject(call) || typeof call.id !== "string") return missing(`${here}.id`);
    if (call.id.length > LONGEST_CALL_ID)
      return openAiError(
        `Invalid '${here}.id': string too long. Expected a string with maximum length ${LONGEST_CALL_ID}, but got a string with length ${call.id.length} instead.`,
        `${here}.id`,
        "string_above_max_length",
      );
    if (typeof call.type !== "string") return missing(`${here}.type`);
    if (call.type !== "function") continue;
    const { function: called } = call;
    if (!isJsonObject(called)) return missing(`${here}.function`);
    if (typeof called.name !== "string") return missing(`${here}.function.name`);
    if (typeof called.arguments !== "string") return missing(`${here}.function.arguments`);
  }
  return undefined;
}

/** Every call is answered before anything else is said, and nothing is answered that was not called. */
function orderProblem(messages: readonly JsonObject[]): WireError | undefined {
  let open: string[] = [];
  for (const [index, message] of messages.entries()) {
    if (message.role === "tool") {
      const id = String(message.tool_call_id);
      if (!open.includes(id))
        return openAiError(
          "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.",
          `messages.[${index}].role`,
          null,
        );
      open = open.filter((one) => one !== id);
      continue;
    }
    if (open.length > 0) return unanswered(open, index);
    if (message.role === "assistant" && Array.isArray(message.tool_calls))
      open = message.tool_calls.filter(isJsonObject).map(({ id }) => String(id));
  }
  return open.length > 0 ? unanswered(open, messages.length) : undefined;
}

function unanswered(ids: readonly string[], index: number): WireError {
  return openAiError(
    `An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: ${ids.join(", ")}`,
    `messages.[${index}].role`,
    null,
  );
}

function formatProblem(body: JsonObject, messages: readonly JsonObject[]): WireError | undefined {
  const { response_format: format } = body;
  if (!isJsonObject(format)) return undefined;
  if (format.type === "json_object" && !/json/i.test(JSON.stringify(messages)))
    return openAiError(
      "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
      "messages",
      null,
    );
  if (format.type !== "json_schema") return undefined;
  const { json_schema: holder } = format;
  if (!isJsonObject(holder)) return missing("response_format.json_schema");
  if (typeof holder.name !== "string") return missing("response_format.json_schema.name");
  return strictFormatProblem(holder, "response_format");
}

function limitsProblem(body: JsonObject): WireError | undefined {
  if (Array.isArray(body.stop) && body.stop.length > 4)
    return openAiError(
      `Invalid 'stop': array too long. Expected an array with maximum length 4, but got an array with length ${body.stop.length} instead.`,
      "stop",
      "array_above_max_length",
    );
  if (body.max_tokens !== undefined && body.max_completion_tokens !== undefined)
    return openAiError(
      "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
      "max_tokens",
      "invalid_parameter_combination",
    );
  return undefined;
}
