import { isJsonObject, type JsonObject } from "../../json.ts";
import { isSealed } from "../../seals.ts";
import type { WireError } from "../errors.ts";
import { strictFormatProblem } from "../openai/strict-format.ts";
import { openAiError, quotedList } from "../openai/strict-words.ts";
import { typeOf } from "./read-input.ts";

/** The request fields of Responses; OpenAI refuses any other. */
const KNOWN_FIELDS = new Set(
  (
    "access_programs background client_metadata context_management conversation image include input instructions max_output_tokens max_tool_calls metadata model " +
    "moderation parallel_tool_calls previous_response_id prompt prompt_cache_key prompt_cache_options prompt_cache_retention reasoning safety_identifier " +
    "service_tier store stream stream_options temperature text tool_choice tools top_logprobs top_p truncation user"
  ).split(" "),
);
const ITEM_TYPES = ["message", "function_call", "function_call_output", "reasoning", "item_reference"];
const ROLES = ["assistant", "system", "developer", "user"];
const INPUT_PARTS = ["input_text", "input_image", "input_file", "input_audio"];
const OUTPUT_PARTS = ["output_text", "refusal"];

/** What OpenAI's own service would refuse, in its words; undefined where it would not. */
export function strictResponsesProblem(body: JsonObject, items: readonly JsonObject[]): WireError | undefined {
  const unknown = Object.keys(body).find((name) => !KNOWN_FIELDS.has(name));
  if (unknown !== undefined) return openAiError(`Unknown parameter: '${unknown}'.`, unknown, "unknown_parameter");
  if (typeof body.model !== "string") return missing("model");
  if (items.length === 0)
    return openAiError(
      "One of 'input' or 'previous_response_id' or 'prompt' or 'conversation_id' must be provided.",
      "input",
      "missing_required_parameter",
    );
  for (const [index, item] of items.entries()) {
    const problem = itemProblem(item, `input[${index}]`);
    if (problem !== undefined) return problem;
  }
  return pairingProblem(items) ?? toolsProblem(body) ?? formatProblem(body);
}

function missing(place: string): WireError {
  return openAiError(`Missing required parameter: '${place}'.`, place, "missing_required_parameter");
}

function unsupported(value: unknown, supported: readonly string[], place: string): WireError {
  return openAiError(
    `Invalid value: '${String(value)}'. Supported values are: ${quotedList(supported)}.`,
    place,
    "invalid_value",
  );
}

function itemProblem(item: JsonObject, place: string): WireError | undefined {
  const type = typeOf(item);
  if (!ITEM_TYPES.includes(type)) return unsupported(type, ITEM_TYPES, `${place}.type`);
  if (type === "function_call") {
    const absent = ["call_id", "name", "arguments"].find((name) => typeof item[name] !== "string");
    return absent === undefined ? undefined : missing(`${place}.${absent}`);
  }
  if (type === "function_call_output") {
    if (typeof item.call_id !== "string") return missing(`${place}.call_id`);
    return item.output === undefined ? missing(`${place}.output`) : undefined;
  }
  if (type === "reasoning") {
    if (!Array.isArray(item.summary)) return missing(`${place}.summary`);
    const { encrypted_content: encrypted } = item;
    if (encrypted === undefined || encrypted === null || isSealed(encrypted)) return undefined;
    return openAiError(
      `The encrypted content for item ${String(item.id)} could not be verified.`,
      undefined,
      "invalid_encrypted_content",
    );
  }
  return type === "message" ? messageProblem(item, place) : undefined;
}

function messageProblem({ role, content }: JsonObject, place: string): WireError | undefined {
  if (role === undefined) return missing(`${place}.role`);
  if (typeof role !== "string" || !ROLES.includes(role)) return unsupported(role, ROLES, `${place}.role`);
  if (content === undefined) return missing(`${place}.content`);
  if (!Array.isArray(content)) return undefined;
  const supported = role === "assistant" ? OUTPUT_PARTS : INPUT_PARTS;
  for (const [index, part] of content.entries())
    if (!isJsonObject(part) || !supported.includes(String(part.type)))
      return unsupported(isJsonObject(part) ? part.type : part, supported, `${place}.content[${index}]`);
  return undefined;
}

/** Calls and their outputs come in pairs, and reasoning does not stand alone. */
function pairingProblem(items: readonly JsonObject[]): WireError | undefined {
  const idsOf = (type: string) => items.filter((item) => typeOf(item) === type).map(({ call_id: id }) => String(id));
  const [called, answered] = [idsOf("function_call"), idsOf("function_call_output")];
  const uncalled = answered.find((id) => !called.includes(id));
  if (uncalled !== undefined)
    return openAiError(`No tool call found for function call output with call_id ${uncalled}.`, "input", null);
  const unanswered = called.find((id) => !answered.includes(id));
  if (unanswered !== undefined)
    return openAiError(`No tool output found for function call ${unanswered}.`, "input", null);
  const alone = items.find((item, index) => {
    const next = items[index + 1];
    if (typeOf(item) !== "reasoning") return false;
    return next === undefined || !(next.role === "assistant" || ["function_call", "reasoning"].includes(typeOf(next)));
  });
  if (alone === undefined) return undefined;
  return openAiError(
    `Item '${String(alone.id)}' of type 'reasoning' was provided without its required following item.`,
    "input",
    null,
  );
}

function toolsProblem({ tools, tool_choice: choice }: JsonObject): WireError | undefined {
  if (tools === undefined) {
    if (choice === undefined || choice === "none" || choice === "auto") return undefined;
    return openAiError("Tool choices other than 'none' or 'auto' require 'tools'.", "tool_choice", null);
  }
  if (!Array.isArray(tools))
    return openAiError("Invalid type for 'tools': expected an array of objects.", "tools", "invalid_type");
  for (const [index, tool] of tools.entries()) {
    if (!isJsonObject(tool) || typeof tool.type !== "string") return missing(`tools[${index}].type`);
    if (tool.type === "function" && typeof tool.name !== "string") return missing(`tools[${index}].name`);
  }
  return undefined;
}

function formatProblem({ text }: JsonObject): WireError | undefined {
  const format = isJsonObject(text) ? text.format : undefined;
  if (!isJsonObject(format) || format.type !== "json_schema") return undefined;
  if (typeof format.name !== "string") return missing("text.format.name");
  return strictFormatProblem(format, "text.format.schema");
}
