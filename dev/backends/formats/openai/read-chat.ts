import { isJsonObject, type JsonObject } from "../../json.ts";
import type { Ask, ReadingRules } from "../../operation.ts";
import { promptTokens } from "../../text/tokens.ts";
import type { WireError } from "../errors.ts";
import { chatConversation, textsOfMessage } from "./chat-conversation.ts";
import { strictChatProblem } from "./strict-chat.ts";
import { includesUsage, modelOf, numberField, samplingProblem, stopsOf, validationError } from "./validation.ts";

function messageProblem(message: unknown, index: number): WireError | undefined {
  if (!isJsonObject(message))
    return validationError("dict_type", ["messages", index], "Input should be a valid dictionary", message);
  if (typeof message.role !== "string")
    return validationError("missing", ["messages", index, "role"], "Field required", message);
  const { content } = message;
  if (content !== undefined && content !== null && typeof content !== "string" && !Array.isArray(content)) {
    return validationError("string_type", ["messages", index, "content"], "Input should be a valid string", content);
  }
  if (Array.isArray(content)) {
    const wrong = content.findIndex((part) => !isJsonObject(part) || typeof part.type !== "string");
    if (wrong >= 0)
      return validationError(
        "missing",
        ["messages", index, "content", wrong, "type"],
        "Field required",
        content[wrong],
      );
  }
  return undefined;
}

function continuationProblem({ continue_final_message: goesOn, add_generation_prompt: prompts }: JsonObject) {
  if (goesOn !== true || prompts === false) return undefined;
  const message = "Cannot set both `continue_final_message` and `add_generation_prompt` to True.";
  return validationError("value_error", [], message, undefined);
}

/** Reads `POST /v1/chat/completions`. Unknown fields are ignored silently, as vLLM does, unless it is to be as strict as OpenAI. */
export function readChat(body: JsonObject, rules: ReadingRules): Ask | WireError {
  const strictProblem = rules.strict ? strictChatProblem(body) : undefined;
  if (strictProblem !== undefined) return strictProblem;
  const { messages } = body;
  if (messages === undefined) return validationError("missing", ["messages"], "Field required", body);
  if (!Array.isArray(messages))
    return validationError("list_type", ["messages"], "Input should be a valid list", messages);
  if (messages.length === 0) return { status: 400, message: "messages must not be empty", param: "messages" };
  for (const [index, message] of messages.entries()) {
    const problem = messageProblem(message, index);
    if (problem !== undefined) return problem;
  }
  const problem = samplingProblem(body) ?? continuationProblem(body);
  if (problem !== undefined) return problem;
  const objects = messages.filter(isJsonObject);
  const last = objects.at(-1);
  // The answer is that to the conversation before its own beginning.
  const said = body.continue_final_message === true && last?.role === "assistant" ? textsOfMessage(last) : undefined;
  const whole = {
    texts: objects.flatMap(textsOfMessage),
    messages: messages.length,
    toolsJson: Array.isArray(body.tools) ? JSON.stringify(body.tools) : "",
  };
  const prompt = said === undefined ? whole : { ...whole, texts: objects.slice(0, -1).flatMap(textsOfMessage) };
  return {
    modelAsked: modelOf(body),
    prompts: [prompt],
    promptTokens: promptTokens(whole),
    ...(said !== undefined && { said: said.join("") }),
    choices: numberField(body, "n") ?? 1,
    seed: numberField(body, "seed"),
    maxTokens: numberField(body, "max_completion_tokens") ?? numberField(body, "max_tokens"),
    stops: stopsOf(body),
    ignoreEnd: body.ignore_eos === true,
    stream: body.stream === true,
    includeUsage: includesUsage(body),
    conversation: chatConversation(body, objects),
    body,
  };
}
