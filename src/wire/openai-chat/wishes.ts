import type { ChatDraft, ResponseFormat, Tool, ToolChoice } from "../../core/draft.ts";
import { isJsonObject, type Json, type JsonObject } from "../../core/json.ts";
import { asksForSomething, type Fields, given } from "../read.ts";
import { readEffort } from "../reasoning.ts";
import type { Findings } from "../translations.ts";

/** Fields that ask for more than text, with a word in the draft. Most requests have none of them and are not read for them. */
export const WISHES: ReadonlySet<string> = new Set([
  "tools",
  "tool_choice",
  "parallel_tool_calls",
  "response_format",
  "structured_outputs",
  "guided_json",
  "reasoning_effort",
  "logprobs",
  "top_logprobs",
  "service_tier",
  "prompt_cache_key",
]);

/** The name of a schema whose caller gave it none; OpenAI wants one. */
const UNNAMED_SCHEMA = "response";
const ANY_ARGUMENTS: JsonObject = { type: "object", properties: {} };

type Wishes = Partial<
  Pick<
    ChatDraft,
    | "tools"
    | "toolChoice"
    | "parallelToolCalls"
    | "responseFormat"
    | "reasoning"
    | "logprobs"
    | "serviceTier"
    | "promptCacheKey"
  >
>;

export function decodeWishes(fields: Fields, findings: Findings): Wishes {
  const tools = decodeTools(fields, findings);
  const hasTools = asksForSomething(fields.value("tools"));
  return given({
    tools: tools.length > 0 ? tools : undefined,
    toolChoice: decodeChoice(fields, hasTools, findings),
    parallelToolCalls: hasTools ? fields.boolean("parallel_tool_calls") : undefined,
    responseFormat: decodeFormat(fields, findings),
    reasoning: decodeReasoning(fields, findings),
    logprobs: decodeLogprobs(fields),
    serviceTier: fields.text("service_tier"),
    promptCacheKey: fields.text("prompt_cache_key"),
  });
}

const TOOL_FIELDS = new Set(["type", "function", "cache_control"]);
const FUNCTION_FIELDS = new Set(["name", "description", "parameters", "strict"]);

function decodeTools(fields: Fields, findings: Findings): readonly Tool[] {
  if (!asksForSomething(fields.value("tools"))) return [];
  const tools: Tool[] = [];
  fields.each("tools", (tool) => {
    // A tool of another type runs at its provider, or takes free text.
    if ((tool.text("type") ?? "function") !== "function") findings.untranslatable.push(tool.path);
    else if (tool.value("function") === undefined) tool.missing("function");
    else decodeFunction(tool, tools, findings);
  });
  return tools;
}

function decodeFunction(tool: Fields, tools: Tool[], findings: Findings): void {
  const fields = tool.child("function");
  if (!fields) return;
  const name = fields.text("name");
  if (!name) fields.missing("name");
  noteOthers(tool, TOOL_FIELDS, "tools[]", findings);
  noteOthers(fields, FUNCTION_FIELDS, "tools[].function", findings);
  tools.push({
    name: name ?? "",
    schema: fields.child("parameters")?.object ?? ANY_ARGUMENTS,
    ...given({
      description: fields.text("description"),
      strict: fields.boolean("strict"),
      cacheControl: tool.child("cache_control")?.object,
    }),
  });
}

function noteOthers(fields: Fields, known: ReadonlySet<string>, path: string, findings: Findings): void {
  for (const [field, value] of Object.entries(fields.object)) {
    if (!known.has(field) && asksForSomething(value)) findings.unknown.add(`${path}.${field}`);
  }
}

/** Without tools a choice of `auto` or `none` says nothing; one that demands a tool contradicts itself, and the backend may say so. */
function decodeChoice(fields: Fields, hasTools: boolean, findings: Findings): ToolChoice | undefined {
  const value = fields.value("tool_choice");
  if (value === undefined) return undefined;
  if (!hasTools) {
    if (value !== "auto" && value !== "none") findings.untranslatable.push("tool_choice");
    return undefined;
  }
  if (value === "auto" || value === "none" || value === "required") return { kind: value };
  if (typeof value === "string") {
    return fields.complain("tool_choice", "must be auto, none, required or a tool", "invalid_value");
  }
  const choice = fields.child("tool_choice");
  if (!choice) return undefined;
  const type = choice.text("type");
  if (type === undefined) return choice.missing("type");
  if (type !== "function") {
    findings.untranslatable.push("tool_choice");
    return undefined;
  }
  const named = choice.child("function");
  if (!named) return choice.missing("function");
  const name = named.text("name");
  return name ? { kind: "named", name } : named.missing("name");
}

/** OpenAI's `response_format`, and vLLM's older and newer ways to say the same. Grammars and choices have no word. */
function decodeFormat(fields: Fields, findings: Findings): ResponseFormat | undefined {
  const format = fields.child("response_format");
  const isPlain = format === undefined || format.value("type") === "text";
  const found = format && !isPlain ? decodeResponseFormat(format, findings) : undefined;
  const guided = decodeGuided(fields, findings, isPlain);
  return found ?? guided;
}

function decodeResponseFormat(format: Fields, findings: Findings): ResponseFormat | undefined {
  const type = format.text("type");
  if (type === undefined) return format.missing("type");
  if (type === "json_object") return { kind: "json-object" };
  if (type !== "json_schema") {
    findings.untranslatable.push("response_format");
    return undefined;
  }
  const fields = format.child("json_schema");
  if (!fields) return format.missing("json_schema");
  const name = fields.text("name");
  if (!name) fields.missing("name");
  return {
    kind: "json-schema",
    name: name ?? "",
    schema: fields.child("schema")?.object ?? {},
    ...given({ description: fields.text("description"), strict: fields.boolean("strict") }),
  };
}

/** vLLM's `guided_json` and `structured_outputs.json`. Beside a `response_format` nobody knows which one holds. */
function decodeGuided(fields: Fields, findings: Findings, isAlone: boolean): ResponseFormat | undefined {
  let found: ResponseFormat | undefined;
  for (const field of ["guided_json", "structured_outputs"] as const) {
    const value = fields.value(field);
    if (!asksForSomething(value)) continue;
    const schema = field === "guided_json" ? schemaOf(value) : onlyJson(value);
    if (schema && isAlone && !found) found = { kind: "json-schema", name: UNNAMED_SCHEMA, schema, strict: true };
    else findings.untranslatable.push(field);
  }
  return found;
}

function onlyJson(value: Json | undefined): JsonObject | undefined {
  if (!isJsonObject(value)) return undefined;
  const said = Object.keys(value).filter((key) => asksForSomething(value[key]));
  return said.length === 1 && said[0] === "json" ? schemaOf(value.json) : undefined;
}

/** vLLM takes a schema as an object or as JSON text. */
function schemaOf(value: Json | undefined): JsonObject | undefined {
  if (isJsonObject(value)) return value;
  if (typeof value !== "string") return undefined;
  try {
    const schema: unknown = JSON.parse(value);
    return isJsonObject(schema) ? schema : undefined;
  } catch {
    return undefined;
  }
}

/** A word that only its backend knows is left to it. */
function decodeReasoning(fields: Fields, findings: Findings): ChatDraft["reasoning"] {
  const word = fields.text("reasoning_effort");
  if (word === undefined) return undefined;
  const effort = readEffort(word);
  if (effort === undefined) findings.unknown.add("reasoning_effort");
  return effort && { effort };
}

function decodeLogprobs(fields: Fields): ChatDraft["logprobs"] {
  const wanted = fields.boolean("logprobs");
  const top = fields.number("top_logprobs", { min: -1, integer: true });
  return wanted ? { top: top ?? 0 } : undefined;
}

/** The same wishes in this format's words. */
export function encodeWishes(draft: ChatDraft): JsonObject {
  const { toolChoice, responseFormat, logprobs } = draft;
  return given({
    tools: draft.tools?.map(encodeTool),
    tool_choice: toolChoice && encodeChoice(toolChoice),
    parallel_tool_calls: draft.parallelToolCalls,
    response_format: responseFormat && encodeFormat(responseFormat),
    logprobs: logprobs && true,
    top_logprobs: logprobs && logprobs.top !== 0 ? logprobs.top : undefined,
    prompt_cache_key: draft.promptCacheKey,
  });
}

function encodeTool({ name, description, schema, strict }: Tool): JsonObject {
  return { type: "function", function: { name, ...given({ description }), parameters: schema, ...given({ strict }) } };
}

function encodeChoice(choice: ToolChoice): Json {
  return choice.kind === "named" ? { type: "function", function: { name: choice.name } } : choice.kind;
}

function encodeFormat(format: ResponseFormat): JsonObject {
  if (format.kind === "json-object") return { type: "json_object" };
  const { name, description, schema, strict } = format;
  return { type: "json_schema", json_schema: { name, ...given({ description }), schema, ...given({ strict }) } };
}
