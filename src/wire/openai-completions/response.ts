import type { Answer, AnswerBlock, AnswerChoice, ChatAnswer } from "../../core/answer.ts";
import { isJsonObject, type Json, type JsonObject } from "../../core/json.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import type { WriterContext } from "../../core/wire.ts";
import { mergeExtra } from "../extra.ts";
import { protocolFailure } from "../frames.ts";
import { decodeFinish, decodeUsage, encodeFinish, encodeUsage, isBroken, unspokenUsage } from "../openai-chat/words.ts";
import { isList, rest } from "../read.ts";
import { streamFailure } from "../upstream-failure.ts";
import { extras, extrasOf, NAME } from "./words.ts";

const KNOWN_TOP = new Set(["id", "object", "created", "model", "choices", "usage"]);
const KNOWN_CHOICE = new Set(["index", "text", "finish_reason"]);

/** Reads a `text_completion`. A choice without a finish is no answer; an error under a success status is a failure. */
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
    operation: "complete",
    id: typeof json.id === "string" ? json.id : "",
    model: typeof json.model === "string" ? json.model : "",
    ...(typeof json.created === "number" && { createdAt: json.created }),
    choices,
    ...(usage && { usage }),
    ...(Object.keys(fields).length > 0 && { extra: { wire: NAME, fields } }),
  });
}

function decodeChoice(json: Json): Result<AnswerChoice> {
  if (!isJsonObject(json) || typeof json.text !== "string") return fail(protocolFailure("malformed_choice"));
  const { text, finish_reason: raw, index } = json;
  if (typeof raw !== "string" || raw === "") return fail(protocolFailure("choice_without_finish"));
  if (isBroken(raw)) return fail(streamFailure({ code: `finish_${raw}` }));
  const beside = rest(json, KNOWN_CHOICE);
  const blocks: AnswerBlock[] = [
    { type: "text", text },
    ...(beside ? [{ type: "other", data: extras({ choice: beside }) } as const] : []),
  ];
  return ok({ index: typeof index === "number" ? index : 0, blocks, finish: decodeFinish(raw) });
}

/** Writes a `text_completion` under the id, model name and time of `context`. */
export function encodeAnswer(answer: Answer, context: WriterContext): Json {
  if (answer.operation !== "complete")
    throw new Error("a completion format was asked to write another operation's answer");
  const own = answer.extra?.wire === NAME ? answer.extra.fields : {};
  const { usage: rawUsage, ...fields } = own;
  return {
    id: context.id,
    object: "text_completion",
    created: context.createdAt,
    model: context.model,
    choices: answer.choices.map(encodeChoice),
    ...(answer.usage && { usage: encodeUsage(answer.usage, isJsonObject(rawUsage) ? rawUsage : {}) }),
    ...fields,
  };
}

function encodeChoice({ index, blocks, finish }: AnswerChoice): JsonObject {
  let beside: JsonObject = {};
  let text = "";
  for (const block of blocks) {
    if (block.type === "text") text += block.text;
    const extra = block.type === "other" ? extrasOf(block.data) : undefined;
    if (extra?.choice) beside = mergeExtra(beside, extra.choice);
  }
  return { index, text, logprobs: null, ...beside, finish_reason: encodeFinish(finish) };
}
