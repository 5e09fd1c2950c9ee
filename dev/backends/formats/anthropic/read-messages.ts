import { isJsonObject, type JsonObject } from "../../json.ts";
import type { Ask, ReadingRules } from "../../operation.ts";
import { type Prompt, promptTokens } from "../../text/tokens.ts";
import type { WireError } from "../errors.ts";
import { messagesConversation } from "./message-conversation.ts";
import { blockTexts } from "./message-texts.ts";
import { strictMessagesProblem } from "./strict-messages.ts";

/** The request fields of the Messages API; any other is refused, as Anthropic does. */
const KNOWN_FIELDS = new Set(
  (
    "model messages max_tokens system metadata stop_sequences stream temperature top_k top_p tools tool_choice thinking service_tier " +
    "container context_management mcp_servers output_config cache_control inference_geo diagnostics speed user_profile_id workspace_id"
  ).split(" "),
);

function invalid(message: string): WireError {
  return { status: 400, message };
}

function numberProblem(
  body: JsonObject,
  name: string,
  minimum: number,
  maximum: number,
  integer: boolean,
): WireError | undefined {
  const value = body[name];
  if (value === undefined) return undefined;
  if (typeof value !== "number") return invalid(`${name}: Input should be a valid ${integer ? "integer" : "number"}`);
  if (integer && !Number.isInteger(value)) return invalid(`${name}: Input should be a valid integer`);
  if (value < minimum) return invalid(`${name}: Input should be greater than or equal to ${minimum}`);
  return value > maximum ? invalid(`${name}: Input should be less than or equal to ${maximum}`) : undefined;
}

function contentProblem(content: unknown, place: string): WireError | undefined {
  if (typeof content === "string") return undefined;
  if (!Array.isArray(content)) return invalid(`${place}: Input should be a valid string or list`);
  for (const [index, block] of content.entries()) {
    if (!isJsonObject(block) || typeof block.type !== "string")
      return invalid(`${place}.${index}.type: Field required`);
    if (block.type !== "text") continue;
    if (typeof block.text !== "string") return invalid(`${place}.${index}.text.text: Field required`);
    if (block.text === "") return invalid("messages: text content blocks must be non-empty");
  }
  return undefined;
}

function messagesProblem(messages: unknown): WireError | undefined {
  if (messages === undefined) return invalid("messages: Field required");
  if (!Array.isArray(messages)) return invalid("messages: Input should be a valid list");
  if (messages.length === 0) return invalid("messages: at least one message is required");
  for (const [index, message] of messages.entries()) {
    if (!isJsonObject(message)) return invalid(`messages.${index}: Input should be a valid dictionary`);
    if (message.role !== "user" && message.role !== "assistant") {
      return invalid(`messages.${index}.role: Input should be 'user' or 'assistant'`);
    }
    if (message.content === undefined) return invalid(`messages.${index}.content: Field required`);
    const problem = contentProblem(message.content, `messages.${index}.content`);
    if (problem !== undefined) return problem;
    const isLast = index === messages.length - 1;
    const isEmpty = message.content === "" || (Array.isArray(message.content) && message.content.length === 0);
    if (isEmpty && !(isLast && message.role === "assistant")) {
      return invalid(
        `messages.${index}: all messages must have non-empty content except for the optional final assistant message`,
      );
    }
  }
  return undefined;
}

function restProblem(body: JsonObject): WireError | undefined {
  const { system, stop_sequences: stops, stream, thinking } = body;
  if (system !== undefined && contentProblem(system, "system") !== undefined) return contentProblem(system, "system");
  if (stops !== undefined && !(Array.isArray(stops) && stops.every((stop) => typeof stop === "string"))) {
    return invalid("stop_sequences: Input should be a valid list");
  }
  if (Array.isArray(stops) && stops.some((stop) => String(stop).trim() === ""))
    return invalid("stop_sequences: each stop sequence must contain non-whitespace");
  if (stream !== undefined && typeof stream !== "boolean") return invalid("stream: Input should be a valid boolean");
  if (thinking !== undefined && (!isJsonObject(thinking) || typeof thinking.type !== "string"))
    return invalid("thinking.type: Field required");
  if (isJsonObject(thinking) && thinking.type === "enabled") {
    const { budget_tokens: budget } = thinking;
    if (typeof budget !== "number" || budget < 1024)
      return invalid("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024");
    if (typeof body.max_tokens === "number" && body.max_tokens <= budget)
      return invalid("`max_tokens` must be greater than `thinking.budget_tokens`");
  }
  return undefined;
}

/** The prompt in order, the system text first; it costs what the same chat costs in OpenAI's format. */
export function promptOf(body: JsonObject): Prompt {
  const messages = Array.isArray(body.messages) ? body.messages.filter(isJsonObject) : [];
  return {
    texts: [...blockTexts(body.system), ...messages.flatMap((message) => blockTexts(message.content))],
    messages: messages.length + (body.system === undefined ? 0 : 1),
    toolsJson: Array.isArray(body.tools) ? JSON.stringify(body.tools) : "",
  };
}

/** What both messages and their counting check; counting needs no `max_tokens`. */
export function messagesRequestProblem(body: JsonObject, needsMaxTokens: boolean): WireError | undefined {
  if (body.model === undefined) return invalid("model: Field required");
  if (typeof body.model !== "string") return invalid("model: Input should be a valid string");
  if (needsMaxTokens && body.max_tokens === undefined) return invalid("max_tokens: Field required");
  const unknown = Object.keys(body).find((name) => !KNOWN_FIELDS.has(name));
  if (unknown !== undefined) return invalid(`${unknown}: Extra inputs are not permitted`);
  return (
    numberProblem(body, "max_tokens", 1, Number.MAX_SAFE_INTEGER, true) ??
    numberProblem(body, "temperature", 0, 1, false) ??
    numberProblem(body, "top_p", 0, 1, false) ??
    numberProblem(body, "top_k", 0, Number.MAX_SAFE_INTEGER, true) ??
    messagesProblem(body.messages) ??
    restProblem(body)
  );
}

/** Reads `POST /v1/messages`. */
export function readMessages(body: JsonObject, rules: ReadingRules): Ask | WireError {
  const problem = messagesRequestProblem(body, true) ?? (rules.strict ? strictMessagesProblem(body) : undefined);
  if (problem !== undefined) return problem;
  const prompt = promptOf(body);
  return {
    modelAsked: String(body.model),
    prompts: [prompt],
    promptTokens: promptTokens(prompt),
    choices: 1,
    seed: undefined,
    maxTokens: Number(body.max_tokens),
    stops: Array.isArray(body.stop_sequences) ? body.stop_sequences.map(String) : [],
    ignoreEnd: false,
    stream: body.stream === true,
    includeUsage: true,
    conversation: messagesConversation(body),
    body,
  };
}
