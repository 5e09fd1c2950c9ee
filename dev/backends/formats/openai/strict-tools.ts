import { isJsonObject, type JsonObject } from "../../json.ts";
import { strictSchemaProblem } from "../../structure/strict-schema.ts";
import type { WireError } from "../errors.ts";
import { openAiError } from "./strict-words.ts";

const NAME_PATTERN = /^[a-zA-Z0-9_-]{1,64}$/;

/** What OpenAI would refuse of a chat's tools and of the choice among them. */
export function strictToolsProblem(body: JsonObject): WireError | undefined {
  const { tools, tool_choice: choice, parallel_tool_calls: parallel } = body;
  if (tools === undefined) {
    if (choice !== undefined && choice !== "none")
      return openAiError(
        "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
        "tool_choice",
        null,
      );
    if (parallel === undefined) return undefined;
    return openAiError(
      "Invalid value for 'parallel_tool_calls': 'parallel_tool_calls' is only allowed when 'tools' are specified.",
      "parallel_tool_calls",
      null,
    );
  }
  if (!Array.isArray(tools))
    return openAiError("Invalid type for 'tools': expected an array of objects.", "tools", "invalid_type");
  if (tools.length === 0)
    return openAiError(
      "Invalid 'tools': empty array. Expected an array with minimum length 1, but got an empty array instead.",
      "tools",
      "empty_array",
    );
  for (const [index, tool] of tools.entries()) {
    const problem = toolProblem(tool, `tools[${index}]`);
    if (problem !== undefined) return problem;
  }
  return choiceProblem(tools.filter(isJsonObject), choice);
}

function missing(place: string): WireError {
  return openAiError(`Missing required parameter: '${place}'.`, place, "missing_required_parameter");
}

function toolProblem(tool: unknown, place: string): WireError | undefined {
  if (!isJsonObject(tool) || typeof tool.type !== "string") return missing(`${place}.type`);
  if (tool.type !== "function") return undefined;
  const { function: definition } = tool;
  if (!isJsonObject(definition)) return missing(`${place}.function`);
  const { name, parameters, strict } = definition;
  if (typeof name !== "string") return missing(`${place}.function.name`);
  if (!NAME_PATTERN.test(name))
    return openAiError(
      `Invalid '${place}.function.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.`,
      `${place}.function.name`,
      "invalid_value",
    );
  if (parameters === undefined || parameters === null) return undefined;
  if (!isJsonObject(parameters) || parameters.type !== "object")
    return openAiError(
      `Invalid schema for function '${name}': schema must be a JSON Schema of 'type: "object"', got 'type: "${isJsonObject(parameters) ? String(parameters.type ?? "None") : "None"}"'.`,
      `${place}.function.parameters`,
      "invalid_function_parameters",
    );
  const lacking = strict === true ? strictSchemaProblem(parameters, true) : undefined;
  if (lacking !== undefined)
    return openAiError(
      `Invalid schema for function '${name}': ${lacking}`,
      `${place}.function.parameters`,
      "invalid_function_parameters",
    );
  return undefined;
}

function choiceProblem(tools: readonly JsonObject[], choice: unknown): WireError | undefined {
  if (choice === undefined || choice === "none" || choice === "auto" || choice === "required") return undefined;
  if (!isJsonObject(choice))
    return openAiError(
      `Invalid value: '${String(choice)}'. Supported values are: 'none', 'auto', and 'required'.`,
      "tool_choice",
      "invalid_value",
    );
  if (choice.type !== "function") return undefined;
  const name = isJsonObject(choice.function) ? choice.function.name : undefined;
  if (typeof name !== "string") return missing("tool_choice.function");
  const isOffered = tools.some(({ function: definition }) => isJsonObject(definition) && definition.name === name);
  if (isOffered) return undefined;
  return openAiError(`Invalid value for 'tool_choice': function '${name}' not found in 'tools'.`, "tool_choice", null);
}
