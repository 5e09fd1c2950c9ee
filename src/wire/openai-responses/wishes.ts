import type { ReasoningWish, ResponseFormat, Tool, ToolChoice } from "../../core/draft.ts";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import { asksForSomething, type Fields, given } from "../read.ts";
import { readEffort } from "../reasoning.ts";
import type { Findings } from "../translations.ts";

/** A function without arguments. */
const NO_ARGUMENTS: JsonObject = { type: "object", properties: {} };

/** Functions; a tool that the provider runs itself, or one whose input is no JSON, no other format can say. */
export function decodeTools(fields: Fields, findings: Findings): readonly Tool[] | undefined {
  if (fields.value("tools") === undefined) return undefined;
  const tools: Tool[] = [];
  fields.each("tools", (tool) => {
    const type = tool.text("type");
    if (type === undefined) tool.missing("type");
    if (type !== "function") {
      findings.untranslatable.push(tool.path);
      return;
    }
    const name = tool.text("name");
    if (name === undefined) tool.missing("name");
    noteOthers(tool, ["type", "name", "description", "parameters", "strict"], "tools[]", findings);
    tools.push({
      name: name ?? "",
      schema: tool.child("parameters")?.object ?? NO_ARGUMENTS,
      ...given({ description: tool.text("description"), strict: tool.boolean("strict") }),
    });
  });
  return tools.length > 0 ? tools : undefined;
}

const CHOICES = new Set(["auto", "none", "required"] as const);

export function decodeToolChoice(fields: Fields, findings: Findings): ToolChoice | undefined {
  const value = fields.value("tool_choice");
  if (value === undefined) return undefined;
  if (isJsonObject(value)) {
    if (value.type === "function" && typeof value.name === "string") return { kind: "named", name: value.name };
    if (value.type === "function") fields.missing("tool_choice.name");
    else findings.untranslatable.push("tool_choice");
    return undefined;
  }
  for (const kind of CHOICES) if (value === kind) return { kind };
  return fields.complain("tool_choice", `must be one of ${[...CHOICES].join(", ")}, or an object`, "invalid_value");
}

/** `text`: what the answer must look like. How many words it should take is a wish that the vocabulary has no word for. */
export function decodeText(fields: Fields, findings: Findings): ResponseFormat | undefined {
  const text = fields.child("text");
  if (!text) return undefined;
  noteOthers(text, ["format"], "text", findings);
  const format = text.child("format");
  if (!format) return undefined;
  switch (format.text("type")) {
    case "text":
      return undefined;
    case "json_object":
      return { kind: "json-object" };
    case "json_schema": {
      const name = format.text("name");
      const schema = format.child("schema")?.object;
      if (name === undefined) format.missing("name");
      if (format.value("schema") === undefined) format.missing("schema");
      return {
        kind: "json-schema",
        name: name ?? "",
        schema: schema ?? {},
        ...given({ description: format.text("description"), strict: format.boolean("strict") }),
      };
    }
    case undefined:
      return format.missing("type");
    default:
      findings.untranslatable.push("text.format");
      return undefined;
  }
}

export function decodeReasoning(fields: Fields, findings: Findings): ReasoningWish | undefined {
  const reasoning = fields.child("reasoning");
  if (!reasoning) return undefined;
  noteOthers(reasoning, ["effort", "summary"], "reasoning", findings);
  const word = reasoning.text("effort");
  const effort = word === undefined ? undefined : readEffort(word);
  // A word that is newer than this file: another backend's format cannot be asked for it.
  if (word !== undefined && effort === undefined) findings.unknown.add("reasoning.effort");
  const wish = given({ effort, summary: reasoning.text("summary") });
  return Object.keys(wish).length > 0 ? wish : undefined;
}

/** Names what is said beside the known fields. */
export function noteOthers(fields: Fields, known: readonly string[], path: string, findings: Findings): void {
  for (const [field, value] of Object.entries(fields.object)) {
    if (!known.includes(field) && asksForSomething(value)) findings.unknown.add(`${path}.${field}`);
  }
}
