import type { Body, ChatDraft } from "../core/draft.ts";
import { isJsonObject, type Json, type JsonObject } from "../core/json.ts";
import type { WireName } from "../core/wire.ts";
import { withAppended } from "./conversation.ts";

/** What a repair's complaint may add to a conversation: its text, at most a token for each character, and what stands around two messages. */
const COMPLAINT_MAX_CHARACTERS = 600;
export const COMPLAINT_MAX_TOKENS = COMPLAINT_MAX_CHARACTERS + 100;

/** What a final text must be. Without a schema: any JSON object. */
export interface WantedStructure {
  readonly schema?: JsonObject;
  /** The caller's name for where the schema stands. */
  readonly field: string;
}

/**
 * The structure that a request asks for: in the draft's word, or in one of the ways that servers have of saying it beside that word
 * (OpenAI's `response_format`, Anthropic's `output_config.format`, vLLM's `structured_outputs` and `guided_json`).
 */
export function wantedStructure(draft: ChatDraft, { value }: Body): WantedStructure | undefined {
  const { responseFormat } = draft;
  if (responseFormat?.kind === "json-schema") return { schema: responseFormat.schema, field: fieldOf(value) };
  if (responseFormat) return { field: fieldOf(value) };
  const format =
    within(value.response_format) ?? within(value.output_format) ?? within(within(value.output_config)?.format);
  if (format?.type === "json_object") return { field: fieldOf(value) };
  if (format?.type === "json_schema") {
    const schema = within(within(format.json_schema)?.schema) ?? within(format.schema);
    return schema && { schema, field: fieldOf(value) };
  }
  const guided = within(within(value.structured_outputs)?.json) ?? within(value.guided_json);
  return guided && { schema: guided, field: fieldOf(value) };
}

const FIELDS = ["response_format", "output_format", "output_config", "text", "structured_outputs", "guided_json"];

function fieldOf(body: JsonObject): string {
  return FIELDS.find((field) => body[field] !== undefined && body[field] !== null) ?? "response_format";
}

function within(value: Json | undefined): JsonObject | undefined {
  return isJsonObject(value) ? value : undefined;
}

/** The conversation with an invalid answer and what is wrong with it behind it, in the draft and in the caller's own text alike. */
export function withComplaint(
  { draft, body }: { readonly draft: ChatDraft; readonly body: Body },
  answer: string,
  problem: string,
  wire: WireName,
): { readonly draft: ChatDraft; readonly body: Body } {
  const said = [
    { role: "assistant", content: answer },
    { role: "user", content: complaintOf(problem) },
  ] as const;
  return withAppended({ draft: { ...draft, stream: false }, body }, said, wire);
}

/** Printable ASCII of a bounded length: names of fields come from a model and from a caller. */
function complaintOf(problem: string): string {
  const plain = problem.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, COMPLAINT_MAX_CHARACTERS - 150);
  return `Your last answer does not follow the JSON schema that was asked for (${plain}). Answer again, with the corrected JSON and nothing else.`;
}
