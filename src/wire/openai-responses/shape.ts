import type { Json, JsonObject } from "../../core/json.ts";
import type { Usage } from "../../core/usage.ts";
import type { WriterContext } from "../../core/wire.ts";
import { type Ending, encodeUsage } from "./words.ts";

/** What a response repeats of its request, and what it says where the request said nothing. */
const REPEATED: JsonObject = {
  background: false,
  instructions: null,
  max_output_tokens: null,
  metadata: {},
  parallel_tool_calls: true,
  previous_response_id: null,
  reasoning: { effort: null, summary: null },
  temperature: null,
  text: { format: { type: "text" } },
  tool_choice: "auto",
  tools: [],
  top_p: null,
  truncation: "disabled",
};
/** Repeated where the request had them. */
const REPEATED_IF_GIVEN = ["max_tool_calls", "prompt_cache_key", "safety_identifier", "top_logprobs", "user"];

/**
 * The fields of a response that are written here from what is known. What a backend repeated of its request is not kept with an answer: whoever
 * asks for the same again asked with metadata and an end user of their own.
 */
export const KNOWN_TOP: ReadonlySet<string> = new Set([
  "id",
  "object",
  "created_at",
  "access_programs",
  "status",
  "error",
  "incomplete_details",
  "model",
  "output",
  "output_text",
  "usage",
  "store",
  ...Object.keys(REPEATED),
  ...REPEATED_IF_GIVEN,
]);

/** What changes in a response while it comes about. */
export interface State {
  readonly status: "in_progress" | "failed" | Ending["status"];
  readonly output: readonly JsonObject[];
  readonly reason?: string | undefined;
  readonly error?: Json;
  readonly usage?: Usage | undefined;
  /** Fields of the backend's own response that the vocabulary has no word for. */
  readonly extra?: JsonObject;
}

/** A `response` object under the id, model name and time of `context`. */
export function responseOf(context: WriterContext, state: State): JsonObject {
  const { request = {} } = context;
  const repeated: Record<string, Json> = { ...REPEATED };
  for (const field of [...Object.keys(REPEATED), ...REPEATED_IF_GIVEN]) {
    const value = Object.hasOwn(request, field) ? request[field] : undefined;
    if (value !== undefined && value !== null) repeated[field] = value;
  }
  const { usage: unspoken, ...extra } = state.extra ?? {};
  return {
    id: context.id,
    object: "response",
    created_at: context.createdAt,
    status: state.status,
    error: state.error ?? null,
    incomplete_details: state.reason === undefined ? null : { reason: state.reason },
    model: context.model,
    output: state.output,
    ...repeated,
    store: context.stored ?? false,
    access_programs: null,
    ...extra,
    ...(state.usage && { usage: encodeUsage(state.usage, unspoken as JsonObject | undefined) }),
  };
}
