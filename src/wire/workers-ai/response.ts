import type { AnswerBlock, ChatAnswer } from "../../core/answer.ts";
import { isJsonObject, type Json } from "../../core/json.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import { protocolFailure } from "../frames.ts";
import { decodeAnswer as decodeChat } from "../openai-chat/response.ts";
import { decodeUsage } from "../openai-chat/words.ts";
import { isList } from "../read.ts";

/**
 * `{"response": …, "tool_calls": […], "usage": {…}}`, or a `chat.completion`. The first has no word for why it ended: it counts as finished, and as
 * stopped for its calls where there are any. In JSON mode `response` is the object itself.
 */
export function decodeAnswer(json: Json): Result<ChatAnswer> {
  if (!isJsonObject(json)) return fail(protocolFailure("answer_not_an_object"));
  const { response, tool_calls: calls } = json;
  if (isList(json.choices) || json.error || (response === undefined && !isList(calls))) return decodeChat(json);
  const blocks: AnswerBlock[] = [];
  const text = spoken(response);
  if (text !== "" || !isList(calls)) blocks.push({ type: "text", text });
  for (const [index, call] of (isList(calls) ? calls : []).entries()) {
    const block = readCall(call, index);
    if (!block) return fail(protocolFailure("malformed_tool_call"));
    blocks.push(block);
  }
  const usage = decodeUsage(json.usage);
  const called = blocks.some(({ type }) => type === "tool");
  return ok({
    operation: "chat",
    id: "",
    model: "",
    choices: [
      { index: 0, blocks, finish: called ? { kind: "tool", raw: "tool_calls" } : { kind: "stop", raw: "stop" } },
    ],
    ...(usage && { usage }),
  });
}

/** A text; a model's number or object where it means one. */
export function spoken(response: Json | undefined): string {
  if (typeof response === "string") return response;
  return response === undefined || response === null ? "" : JSON.stringify(response);
}

/** OpenAI's form, or Workers AI's older one: a name and the arguments as an object, without an id. */
export function readCall(
  call: Json,
  index: number,
): { readonly type: "tool"; readonly id: string; readonly name: string; readonly json: string } | undefined {
  if (!isJsonObject(call)) return undefined;
  const { name, arguments: input = {} } = isJsonObject(call.function) ? call.function : call;
  if (typeof name !== "string") return undefined;
  const id = typeof call.id === "string" && call.id !== "" ? call.id : `call_${index}`;
  return { type: "tool", id, name, json: spoken(input) };
}
