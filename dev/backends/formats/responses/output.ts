import { isJsonObject, type JsonObject } from "../../json.ts";
import type { Ask, Generation, Turn } from "../../operation.ts";
import { seal } from "../../seals.ts";
import type { Answer } from "../../text/answer.ts";
import { inputOf } from "../../text/calls.ts";
import { textAnnotations } from "../openai/citations.ts";
import { serviceTierOf } from "../openai/usage.ts";

/** How far a response is. */
export type ResponseStatus = "in_progress" | "completed" | "incomplete";

/** Whether reasoning is told as a summary, as OpenAI does on demand, and not in full, as vLLM does. */
export function isSummarised(ask: Ask): boolean {
  return isJsonObject(ask.body.reasoning) && typeof ask.body.reasoning.summary === "string";
}

/** Ids of the items of one response. */
export function itemIds(turn: Turn): { readonly reasoning: string; readonly message: string } {
  return { reasoning: `rs_${turn.id}`, message: `msg_${turn.id}` };
}

/** The reasoning item; `text` is undefined before there is any. */
export function reasoningItem(ask: Ask, turn: Turn, text: string | undefined): JsonObject {
  const wantsSeal = Array.isArray(ask.body.include) && ask.body.include.includes("reasoning.encrypted_content");
  const parts = (type: string) => (text === undefined ? [] : [{ type, text }]);
  return {
    id: itemIds(turn).reasoning,
    type: "reasoning",
    summary: isSummarised(ask) ? parts("summary_text") : [],
    ...(isSummarised(ask) ? {} : { content: parts("reasoning_text") }),
    ...(wantsSeal && text !== undefined ? { encrypted_content: seal(text) } : {}),
  };
}

/** The only part of the message: its text, or its refusal. */
export function messagePart(turn: Turn, answer: Answer, text: string): JsonObject {
  return answer.refused
    ? { type: "refusal", refusal: text }
    : { type: "output_text", text, annotations: text === "" ? [] : textAnnotations(turn, answer), logprobs: [] };
}

/** The message item; `text` is undefined before there is any. */
export function messageItem(turn: Turn, answer: Answer, text: string | undefined, status: ResponseStatus): JsonObject {
  const content = text === undefined ? [] : [messagePart(turn, answer, text)];
  return { id: itemIds(turn).message, type: "message", role: "assistant", status, content };
}

/** A function call, with as much of its arguments as exists. */
export function callItem(call: Answer["calls"][number], input: string, status: ResponseStatus): JsonObject {
  return {
    id: `fc_${call.id}`,
    type: "function_call",
    call_id: `call_${call.id}`,
    name: call.name,
    arguments: input,
    status,
  };
}

/** All items of a finished answer. */
export function outputOf(ask: Ask, turn: Turn, answer: Answer): JsonObject[] {
  const status = statusOf(answer);
  return [
    ...(answer.reasoning.length === 0 ? [] : [reasoningItem(ask, turn, answer.reasoning.join(""))]),
    ...(answer.text.length === 0 ? [] : [messageItem(turn, answer, answer.text.join(""), status)]),
    ...answer.calls.map((call) => callItem(call, inputOf(call), status)),
  ];
}

/** `max_output_tokens` leaves a response incomplete. */
export function statusOf(answer: Answer): ResponseStatus {
  return answer.finish === "length" ? "incomplete" : "completed";
}

/** The response object at some moment of its life. */
export function responseJson(
  ask: Ask,
  turn: Turn,
  status: ResponseStatus,
  output: readonly JsonObject[],
  usage: JsonObject | null,
): JsonObject {
  const { body } = ask;
  return {
    id: `resp_${turn.id}`,
    object: "response",
    created_at: turn.createdAtSeconds,
    status,
    background: false,
    error: null,
    incomplete_details: status === "incomplete" ? { reason: "max_output_tokens" } : null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    metadata: body.metadata ?? {},
    model: ask.modelAsked,
    output,
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: null,
    reasoning: body.reasoning ?? { effort: null, summary: null },
    service_tier: serviceTierOf(body) ?? "default",
    // Nothing is stored here, whatever was asked.
    store: false,
    temperature: body.temperature ?? 1,
    text: body.text ?? { format: { type: "text" } },
    tool_choice: body.tool_choice ?? "auto",
    tools: body.tools ?? [],
    top_p: body.top_p ?? 1,
    truncation: body.truncation ?? "disabled",
    usage,
    user: body.user ?? null,
    access_programs: null,
  };
}

/** Usage as Responses serialise it. */
export function responseUsage(generation: Generation): JsonObject {
  return {
    input_tokens: generation.promptTokens,
    input_tokens_details: { cached_tokens: generation.cachedTokens ?? 0, cache_write_tokens: 0 },
    output_tokens: generation.completionTokens,
    output_tokens_details: { reasoning_tokens: generation.reasoningTokens ?? 0 },
    total_tokens: generation.promptTokens + generation.completionTokens,
  };
}
