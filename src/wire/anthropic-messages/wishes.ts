import type { ChatDraft, ReasoningWish, ResponseFormat, Tool, ToolChoice } from "../../core/draft.ts";
import type { JsonObject } from "../../core/json.ts";
import { asksForSomething, type Fields, given } from "../read.ts";
import { readEffort } from "../reasoning.ts";
import type { Findings } from "../translations.ts";

/** Fields that ask for more than text, with a word in the draft. Most requests have none of them and are not read for them. */
export const WISHES: ReadonlySet<string> = new Set([
  "tools",
  "tool_choice",
  "output_config",
  "output_format",
  "thinking",
  "service_tier",
]);

/** This format's schemas have no names. */
const UNNAMED_SCHEMA = "response";

type Wishes = Partial<
  Pick<ChatDraft, "tools" | "toolChoice" | "parallelToolCalls" | "responseFormat" | "reasoning" | "serviceTier">
>;

export function decodeWishes(fields: Fields, findings: Findings): Wishes {
  const tools = decodeTools(fields, findings);
  const choice = asksForSomething(fields.value("tools")) ? fields.child("tool_choice") : undefined;
  const isParallelOff = choice?.boolean("disable_parallel_tool_use");
  const output = fields.child("output_config");
  for (const field of Object.keys(output?.object ?? {})) {
    if (field !== "effort" && field !== "format") findings.unknown.add(`output_config.${field}`);
  }
  return given({
    tools: tools.length > 0 ? tools : undefined,
    toolChoice: choice && decodeChoice(choice),
    parallelToolCalls: isParallelOff === undefined ? undefined : !isParallelOff,
    responseFormat: decodeFormat(output, "format", findings) ?? decodeFormat(fields, "output_format", findings),
    reasoning: decodeReasoning(fields, output, findings),
    serviceTier: fields.text("service_tier"),
  });
}

const TOOL_FIELDS = new Set(["type", "name", "description", "input_schema", "strict", "cache_control"]);

function decodeTools(fields: Fields, findings: Findings): readonly Tool[] {
  if (!asksForSomething(fields.value("tools"))) return [];
  const tools: Tool[] = [];
  fields.each("tools", (tool) => {
    // A tool of another type is one that the provider runs, or knows the schema of.
    if ((tool.text("type") ?? "custom") !== "custom") findings.untranslatable.push(tool.path);
    else decodeTool(tool, tools, findings);
  });
  return tools;
}

function decodeTool(fields: Fields, tools: Tool[], findings: Findings): void {
  const name = fields.text("name");
  if (!name) fields.missing("name");
  const schema = fields.child("input_schema");
  if (!schema && fields.value("input_schema") === undefined) fields.missing("input_schema");
  for (const [field, value] of Object.entries(fields.object)) {
    if (!TOOL_FIELDS.has(field) && asksForSomething(value)) findings.unknown.add(`tools[].${field}`);
  }
  tools.push({
    name: name ?? "",
    schema: schema?.object ?? {},
    ...given({
      description: fields.text("description"),
      strict: fields.boolean("strict"),
      cacheControl: fields.child("cache_control")?.object,
    }),
  });
}

function decodeChoice(choice: Fields): ToolChoice | undefined {
  const type = choice.text("type");
  switch (type) {
    case undefined:
      return choice.missing("type");
    case "auto":
    case "none":
      return { kind: type };
    case "any":
      return { kind: "required" };
    case "tool": {
      const name = choice.text("name");
      return name ? { kind: "named", name } : choice.missing("name");
    }
    default:
      return choice.complain("type", "must be auto, any, tool or none", "invalid_value");
  }
}

/** `output_config.format`, and its older name at the top. */
function decodeFormat(fields: Fields | undefined, field: string, findings: Findings): ResponseFormat | undefined {
  const format = fields?.child(field);
  if (!format) return undefined;
  const type = format.text("type");
  if (type === undefined) return format.missing("type");
  if (type !== "json_schema") {
    findings.untranslatable.push(format.path);
    return undefined;
  }
  const schema = format.child("schema");
  if (!schema) return format.value("schema") === undefined ? format.missing("schema") : undefined;
  return { kind: "json-schema", name: UNNAMED_SCHEMA, schema: schema.object, strict: true };
}

/** `thinking` says whether and with how many tokens; where it leaves that to the model, and where it is not there, `effort` says how much. */
function decodeReasoning(fields: Fields, output: Fields | undefined, findings: Findings): ReasoningWish | undefined {
  const word = output?.text("effort");
  const effort = word === undefined ? undefined : readEffort(word);
  if (word !== undefined && effort === undefined) findings.unknown.add("output_config.effort");
  const thinking = fields.child("thinking");
  if (!thinking) return effort && { effort };
  const summary = thinking.text("display");
  switch (thinking.text("type")) {
    case undefined:
      return thinking.missing("type");
    case "disabled":
      if (effort) findings.unknown.add("output_config.effort");
      return { effort: "off" };
    case "enabled": {
      const budgetTokens = thinking.number("budget_tokens", { min: 1, integer: true });
      if (budgetTokens === undefined && thinking.value("budget_tokens") === undefined)
        thinking.missing("budget_tokens");
      return given({ effort, budgetTokens, summary });
    }
    case "adaptive":
      return given({ effort, summary });
    default:
      // A way to think that no other format knows.
      findings.unknown.add("thinking");
      return effort && { effort };
  }
}

/** The same wishes in this format's words; `thinking` is `encodeThinking`'s. */
export function encodeWishes(draft: ChatDraft): JsonObject {
  const { responseFormat } = draft;
  return given({
    tools: draft.tools?.map(encodeTool),
    tool_choice: draft.tools && encodeChoice(draft),
    output_config:
      responseFormat?.kind === "json-schema"
        ? { format: { type: "json_schema", schema: responseFormat.schema } }
        : undefined,
  });
}

function encodeTool({ name, description, schema, strict, cacheControl }: Tool): JsonObject {
  return {
    name,
    ...given({ description }),
    // The format wants a schema of an object.
    input_schema: schema.type === "object" ? schema : { type: "object", ...schema },
    ...given({ strict, cache_control: cacheControl }),
  };
}

/** Whether calls may be parallel is said beside the choice; where only that was said, the choice is the default one. */
function encodeChoice({ toolChoice, parallelToolCalls }: ChatDraft): JsonObject | undefined {
  if (!toolChoice && parallelToolCalls !== false) return undefined;
  const { kind } = toolChoice ?? { kind: "auto" };
  if (kind === "none") return { type: "none" };
  const parallel = given({
    disable_parallel_tool_use: parallelToolCalls === undefined ? undefined : !parallelToolCalls,
  });
  if (toolChoice?.kind === "named") return { type: "tool", name: toolChoice.name, ...parallel };
  return { type: kind === "required" ? "any" : "auto", ...parallel };
}
