import type { Answer, AnswerBlock, AnswerChoice, ChatAnswer } from "../../core/answer.ts";
import { isJsonObject, type Json, type JsonObject } from "../../core/json.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import type { WriterContext } from "../../core/wire.ts";
import { mergeExtra } from "../extra.ts";
import { protocolFailure } from "../frames.ts";
import { isList, rest } from "../read.ts";
import { streamFailure } from "../upstream-failure.ts";
import {
  decodeFinish,
  decodeLogprobs,
  decodeUsage,
  encodeFinish,
  encodeLogprobs,
  encodeUsage,
  extras,
  extrasOf,
  isBroken,
  NAME,
  unspokenUsage,
} from "./words.ts";

const KNOWN_TOP = new Set(["id", "object", "created", "model", "choices", "usage"]);
const KNOWN_CHOICE = new Set(["index", "message", "finish_reason", "logprobs"]);
const KNOWN_MESSAGE = new Set(["role", "content", "reasoning", "reasoning_content", "refusal", "tool_calls"]);

/** Reads a `chat.completion`. One without a finish for each choice is no answer; an error under a success status is a failure. */
export function decodeAnswer(json: Json): Result<ChatAnswer> {
  if (!isJsonObject(json)) return fail(protocolFailure("answer_not_an_object"));
  if (json.error) return fail(streamFailure(json.error));
  if (json.object === "error") return fail(streamFailure(json));
  if (!isList(json.choices) || json.choices.length === 0) return fail(protocolFailure("answer_without_choices"));
  const choices: AnswerChoice[] = [];
  for (const choice of json.choices) {
    const decoded = decodeChoice(choice);
    if (!decoded.ok) return decoded;
    choices.push(decoded.value);
  }
  choices.sort((one, other) => one.index - other.index);
  const usage = decodeUsage(json.usage);
  const unspoken = unspokenUsage(json.usage);
  const fields = { ...rest(json, KNOWN_TOP), ...(unspoken && { usage: unspoken }) };
  return ok({
    operation: "chat",
    id: typeof json.id === "string" ? json.id : "",
    model: typeof json.model === "string" ? json.model : "",
    ...(typeof json.created === "number" && { createdAt: json.created }),
    choices,
    ...(usage && { usage }),
    ...(Object.keys(fields).length > 0 && { extra: { wire: NAME, fields } }),
  });
}

function decodeChoice(json: Json): Result<AnswerChoice> {
  if (!isJsonObject(json) || !isJsonObject(json.message)) return fail(protocolFailure("malformed_choice"));
  const { message, finish_reason: raw, index } = json;
  if (typeof raw !== "string" || raw === "") return fail(protocolFailure("choice_without_finish"));
  if (isBroken(raw)) return fail(streamFailure({ code: `finish_${raw}` }));
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
  const logprobs = decodeLogprobs(json.logprobs);
  const others = rest(json, KNOWN_CHOICE);
  const beside = logprobs ? { ...others, logprobs } : others;
  if (besideContent || beside) {
    const data = extras({ ...(besideContent && { message: besideContent }), ...(beside && { choice: beside }) });
    blocks.push({ type: "other", data });
  }
  return ok({ index: typeof index === "number" ? index : 0, blocks, finish: decodeFinish(raw) });
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

/** Writes a `chat.completion` under the id, model name and time of `context`. */
export function encodeAnswer(answer: Answer, context: WriterContext): Json {
  if (answer.operation !== "chat") throw new Error("a chat format was asked to write another operation's answer");
  const own = answer.extra?.wire === NAME ? answer.extra.fields : {};
  const { usage: rawUsage, ...fields } = own;
  return {
    id: context.id,
    object: "chat.completion",
    created: context.createdAt,
    model: context.model,
    choices: answer.choices.map(encodeChoice),
    ...(answer.usage && { usage: encodeUsage(answer.usage, isJsonObject(rawUsage) ? rawUsage : {}) }),
    ...fields,
  };
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
