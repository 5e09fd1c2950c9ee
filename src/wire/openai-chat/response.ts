import type { Answer, AnswerBlock, AnswerChoice, ChatAnswer } from "../../core/answer.ts";
import { isJsonObject, type Json, type JsonObject } from "../../core/json.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import type { WriterContext } from "../../core/wire.ts";
import { mergeExtra } from "../extra.ts";
import { protocolFailure } from "../frames.ts";
import { isList, rest } from "../read.ts";
import { type ChoiceFormat, decodeChoices, encodeChoices } from "./choices.ts";
import { decodeLogprobs, encodeFinish, encodeLogprobs, extras, extrasOf, NAME } from "./words.ts";

const KNOWN_CHOICE = new Set(["index", "message", "finish_reason", "logprobs"]);
const KNOWN_MESSAGE = new Set(["role", "content", "reasoning", "reasoning_content", "refusal", "tool_calls"]);
const FORMAT: ChoiceFormat = {
  wire: NAME,
  operation: "chat",
  object: "chat.completion",
  decodeBlocks,
  encodeChoice,
};

/** Reads a `chat.completion`. */
export function decodeAnswer(json: Json): Result<ChatAnswer> {
  return decodeChoices(FORMAT, json);
}

/** Writes one. */
export function encodeAnswer(answer: Answer, context: WriterContext): Json {
  return encodeChoices(FORMAT, answer, context);
}

function decodeBlocks(choice: JsonObject): Result<readonly AnswerBlock[]> {
  const { message } = choice;
  if (!isJsonObject(message)) return fail(protocolFailure("malformed_choice"));
  const blocks: AnswerBlock[] = [];
  const say = (type: "text" | "reasoning" | "refusal", text: Json | undefined) => {
    if (typeof text === "string" && (text !== "" || type === "text")) blocks.push({ type, text });
  };
  say("reasoning", message.reasoning ?? message.reasoning_content);
  say("text", message.content);
  say("refusal", message.refusal);
  for (const [position, call] of (isList(message.tool_calls) ? message.tool_calls : []).entries()) {
    const block = decodeCall(call, position);
    if (!block) return fail(protocolFailure("malformed_tool_call"));
    blocks.push(block);
  }
  const besideContent = rest(message, KNOWN_MESSAGE);
  const logprobs = decodeLogprobs(choice.logprobs);
  const others = rest(choice, KNOWN_CHOICE);
  const beside = logprobs ? { ...others, logprobs } : others;
  if (besideContent || beside) {
    const data = extras({ ...(besideContent && { message: besideContent }), ...(beside && { choice: beside }) });
    blocks.push({ type: "other", data });
  }
  return ok(blocks);
}

/** A function call; a call of another type is kept whole. One without an id is given one, so that it can be answered. */
function decodeCall(call: Json, position: number): AnswerBlock | undefined {
  if (!isJsonObject(call)) return undefined;
  if (!isJsonObject(call.function)) return { type: "other", data: extras({ message: { tool_calls: [call] } }) };
  const { name, arguments: json } = call.function;
  if (typeof name !== "string") return undefined;
  const id = typeof call.id === "string" && call.id !== "" ? call.id : `call_0_${position}`;
  return { type: "tool", id, name, json: typeof json === "string" ? json : "" };
}

function encodeChoice({ index, blocks, finish }: AnswerChoice): JsonObject {
  const textOf = (type: "text" | "reasoning" | "refusal") => {
    const texts = blocks.flatMap((block) => (block.type === type ? [block.text] : []));
    return texts.length > 0 ? texts.join("") : null;
  };
  const calls = blocks.flatMap((block) =>
    block.type === "tool"
      ? [{ id: block.id, type: "function", function: { name: block.name, arguments: block.json } }]
      : [],
  );
  let beside: JsonObject = {};
  let message: JsonObject = {
    role: "assistant",
    content: textOf("text"),
    refusal: textOf("refusal"),
    ...(textOf("reasoning") !== null && { reasoning: textOf("reasoning") }),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
  for (const block of blocks) {
    const extra = block.type === "other" ? extrasOf(block.data) : undefined;
    if (extra?.choice) beside = mergeExtra(beside, extra.choice);
    if (extra?.message) message = mergeExtra(message, extra.message);
  }
  const logprobs = encodeLogprobs(beside.logprobs);
  return { index, message, ...beside, logprobs, finish_reason: encodeFinish(finish) };
}
