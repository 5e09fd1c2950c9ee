import { isJsonObject, type JsonObject } from "../../json.ts";
import type { WireError } from "../errors.ts";
import { invalidRequest } from "./strict-words.ts";

const NAME_PATTERN = /^[a-zA-Z0-9_-]{1,128}$/;
const CHOICES = ["auto", "any", "tool", "none"];

/** What Anthropic would refuse of the tools and of the choice among them. */
export function strictToolsProblem(body: JsonObject): WireError | undefined {
  const { tools, tool_choice: choice } = body;
  if (tools !== undefined && !Array.isArray(tools)) return invalidRequest("tools: Input should be a valid list");
  const names: string[] = [];
  for (const [index, tool] of (tools ?? []).entries()) {
    if (!isJsonObject(tool)) return invalidRequest(`tools.${index}: Input should be a valid dictionary`);
    if (typeof tool.name !== "string") return invalidRequest(`tools.${index}.name: Field required`);
    if (names.includes(tool.name)) return invalidRequest("tools: Tool names must be unique.");
    names.push(tool.name);
    if (tool.type !== undefined && tool.type !== "custom") continue;
    if (!NAME_PATTERN.test(tool.name))
      return invalidRequest(`tools.${index}.custom.name: String should match pattern '${NAME_PATTERN.source}'`);
    if (!isJsonObject(tool.input_schema)) return invalidRequest(`tools.${index}.custom.input_schema: Field required`);
    if (tool.input_schema.type !== "object")
      return invalidRequest(`tools.${index}.custom.input_schema.type: Input should be 'object'`);
  }
  return choiceProblem(choice, names) ?? usedWithoutTools(body, names);
}

function choiceProblem(choice: unknown, names: readonly string[]): WireError | undefined {
  if (choice === undefined) return undefined;
  if (!isJsonObject(choice) || !CHOICES.includes(String(choice.type)))
    return invalidRequest(
      `tool_choice: Input tag found using 'type' does not match any of the expected tags: ${CHOICES.map((tag) => `'${tag}'`).join(", ")}`,
    );
  if (names.length === 0 && choice.type !== "none")
    return invalidRequest("tool_choice: tool_choice may only be specified while providing tools.");
  if (choice.type !== "tool") return undefined;
  if (typeof choice.name !== "string") return invalidRequest("tool_choice.tool.name: Field required");
  return names.includes(choice.name) ? undefined : invalidRequest(`Tool '${choice.name}' not found in provided tools`);
}

/** A history with calls needs the tools that were called, or at least some. */
function usedWithoutTools(body: JsonObject, names: readonly string[]): WireError | undefined {
  if (names.length > 0 || !/"type":"tool_(use|result)"/.test(JSON.stringify(body.messages))) return undefined;
  return invalidRequest("Requests which have `tool_use` or `tool_result` blocks in `messages` must define `tools`.");
}
