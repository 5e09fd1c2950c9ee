import type { Conversation } from "../../conversation.ts";
import { isJsonObject, type JsonObject } from "../../json.ts";
import type { Ask, ReadingRules } from "../../operation.ts";
import { promptTokens } from "../../text/tokens.ts";
import type { WireError } from "../errors.ts";
import { reasoningTokensOf, structureOf, toolsAndChoice } from "../openai/read-tools.ts";
import { openAiError } from "../openai/strict-words.ts";
import { modelOf, numberField, samplingProblem, validationError } from "../openai/validation.ts";
import { attachmentsOfItem, contentTexts, itemsOf, newestItems, textsOfItem, typeOf } from "./read-input.ts";
import { strictResponsesProblem } from "./strict-responses.ts";

/** Reads `POST /v1/responses`. Nothing is stored here, so there is no previous response to go on from. */
export function readResponses(body: JsonObject, rules: ReadingRules): Ask | WireError {
  const { input, previous_response_id: previous } = body;
  if (input === undefined) return validationError("missing", ["input"], "Field required", body);
  if (typeof input !== "string" && !Array.isArray(input))
    return validationError("string_type", ["input"], "Input should be a valid string", input);
  if (typeof previous === "string") {
    const error = openAiError(
      `Previous response with id '${previous}' not found.`,
      "previous_response_id",
      "previous_response_not_found",
    );
    return { ...error, status: 404 };
  }
  const items = itemsOf(input);
  const { max_output_tokens: maxTokens } = body;
  if (maxTokens !== undefined && maxTokens !== null && !(Number.isInteger(maxTokens) && Number(maxTokens) >= 1))
    return { status: 400, message: "max_output_tokens must be at least 1.", param: "max_output_tokens" };
  const { top_logprobs: _, ...sampling } = body;
  const problem = (rules.strict ? strictResponsesProblem(body, items) : undefined) ?? samplingProblem(sampling);
  if (problem !== undefined) return problem;
  const instructions = contentTexts(body.instructions);
  const prompt = {
    texts: [...instructions, ...items.flatMap(textsOfItem)],
    messages: items.length + (instructions.length > 0 ? 1 : 0),
    toolsJson: Array.isArray(body.tools) ? JSON.stringify(body.tools) : "",
  };
  return {
    modelAsked: modelOf(body),
    prompts: [prompt],
    promptTokens: promptTokens(prompt),
    choices: 1,
    seed: numberField(body, "seed"),
    maxTokens: numberField(body, "max_output_tokens"),
    stops: [],
    ignoreEnd: false,
    stream: body.stream === true,
    includeUsage: true,
    conversation: conversationOf(body, items),
    body,
  };
}

function conversationOf(body: JsonObject, items: readonly JsonObject[]): Conversation {
  const newest = newestItems(items);
  const nameOf = (id: unknown) => {
    const call = items.find((item) => typeOf(item) === "function_call" && item.call_id === id);
    return typeof call?.name === "string" ? call.name : "the tool";
  };
  return {
    newestTexts: newest.flatMap(textsOfItem),
    newestUserText: newest
      .filter((item) => item.role === "user")
      .flatMap(textsOfItem)
      .join("\n"),
    toolResults: newest
      .filter((item) => typeOf(item) === "function_call_output")
      .map((item) => ({ toolName: nameOf(item.call_id), text: contentTexts(item.output).join("") })),
    attachments: newest.flatMap(attachmentsOfItem),
    ...toolsAndChoice(body),
    parallelCalls: body.parallel_tool_calls !== false,
    structure: structureOf(body),
    reasoningTokens: isJsonObject(body.reasoning) && body.reasoning.effort === undefined ? 12 : reasoningTokensOf(body),
  };
}
