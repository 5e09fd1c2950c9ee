import type { OfferedTool, Structure, ToolChoice } from "../../conversation.ts";
import { isJsonObject, type JsonObject, parseJson } from "../../json.ts";

/** The function tools of a request, whether they nest as in chat (`function`) or stand flat as in Responses. */
export function offeredTools(tools: unknown): OfferedTool[] {
  if (!Array.isArray(tools)) return [];
  return tools.filter(isJsonObject).flatMap((tool) => {
    const definition = isJsonObject(tool.function) ? tool.function : tool;
    if (tool.type !== "function" || typeof definition.name !== "string") return [];
    return [{ name: definition.name, schema: isJsonObject(definition.parameters) ? definition.parameters : {} }];
  });
}

/** The tools that may be called and how, with `allowed_tools` worked in. */
export function toolsAndChoice(body: JsonObject): { readonly tools: OfferedTool[]; readonly toolChoice: ToolChoice } {
  const tools = offeredTools(body.tools);
  const choice = body.tool_choice;
  if (choice === "none" || choice === "required" || choice === "auto") return { tools, toolChoice: { kind: choice } };
  if (!isJsonObject(choice)) return { tools, toolChoice: { kind: "auto" } };
  if (choice.type === "allowed_tools") {
    const allowance = isJsonObject(choice.allowed_tools) ? choice.allowed_tools : choice;
    const names = (Array.isArray(allowance.tools) ? allowance.tools : []).map(nameOf);
    const kind = allowance.mode === "required" ? "required" : "auto";
    return { tools: tools.filter(({ name }) => names.includes(name)), toolChoice: { kind } };
  }
  const name = nameOf(choice);
  return { tools, toolChoice: name === undefined ? { kind: "auto" } : { kind: "named", name } };
}

function nameOf(value: unknown): string | undefined {
  if (!isJsonObject(value)) return undefined;
  const holder = isJsonObject(value.function) ? value.function : value;
  return typeof holder.name === "string" ? holder.name : undefined;
}

/** Structured output as chat asks for it (`response_format`), as vLLM does (`structured_outputs`, `guided_json` and its kin), or as Responses does (`text.format`). */
export function structureOf(body: JsonObject): Structure | undefined {
  const text = isJsonObject(body.text) ? body.text : {};
  const outputs = isJsonObject(body.structured_outputs) ? body.structured_outputs : {};
  const guided = outputs.json ?? body.guided_json;
  if (guided !== undefined && guided !== null) return { schema: schemaOf(guided) };
  const choices = outputs.choice ?? body.guided_choice;
  if (Array.isArray(choices)) return { choices: choices.map(String) };
  const pattern = outputs.regex ?? body.guided_regex;
  if (typeof pattern === "string") return { pattern };
  if (outputs.json_object === true) return { schema: undefined };
  const format = body.response_format ?? text.format;
  if (!isJsonObject(format)) return undefined;
  if (format.type === "json_object") return { schema: undefined };
  if (format.type !== "json_schema") return undefined;
  const holder = isJsonObject(format.json_schema) ? format.json_schema : format;
  return { schema: schemaOf(holder.schema) };
}

/** A schema as an object or, as vLLM accepts it too, as JSON text. */
function schemaOf(given: unknown): JsonObject {
  const schema = typeof given === "string" ? parseJson(given)?.value : given;
  return isJsonObject(schema) ? schema : {};
}

const EFFORT_TOKENS: Readonly<Record<string, number>> = {
  none: 0,
  minimal: 4,
  low: 8,
  medium: 12,
  high: 24,
  xhigh: 32,
  max: 48,
};

/** Tokens of reasoning that the request asks for: by effort, by vLLM's `include_reasoning`, or by the chat template's switch. */
export function reasoningTokensOf(body: JsonObject): number | undefined {
  const template = isJsonObject(body.chat_template_kwargs) ? body.chat_template_kwargs : {};
  const reasoning = isJsonObject(body.reasoning) ? body.reasoning : {};
  if (template.enable_thinking === false) return 0;
  const effort = body.reasoning_effort ?? reasoning.effort;
  if (typeof effort === "string") return EFFORT_TOKENS[effort] ?? EFFORT_TOKENS.medium;
  const isAsked = body.include_reasoning === true || template.enable_thinking === true;
  return isAsked ? EFFORT_TOKENS.medium : undefined;
}
