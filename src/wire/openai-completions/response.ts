import type { Answer, AnswerBlock, AnswerChoice, ChatAnswer } from "../../core/answer.ts";
import type { Json, JsonObject } from "../../core/json.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import type { WriterContext } from "../../core/wire.ts";
import { mergeExtra } from "../extra.ts";
import { protocolFailure } from "../frames.ts";
import { type ChoiceFormat, decodeChoices, encodeChoices } from "../openai-chat/choices.ts";
import { encodeFinish, extras, extrasOf } from "../openai-chat/words.ts";
import { rest } from "../read.ts";
import { NAME } from "./words.ts";

const KNOWN = new Set(["index", "text", "finish_reason"]);
const FORMAT: ChoiceFormat = {
  wire: NAME,
  operation: "complete",
  object: "text_completion",
  decodeBlocks,
  encodeChoice,
};

/** Reads a `text_completion`. */
export function decodeAnswer(json: Json): Result<ChatAnswer> {
  return decodeChoices(FORMAT, json);
}

/** Writes one. */
export function encodeAnswer(answer: Answer, context: WriterContext): Json {
  return encodeChoices(FORMAT, answer, context);
}

function decodeBlocks(choice: JsonObject): Result<readonly AnswerBlock[]> {
  const { text } = choice;
  if (typeof text !== "string") return fail(protocolFailure("malformed_choice"));
  const beside = rest(choice, KNOWN);
  const others: AnswerBlock[] = beside ? [{ type: "other", data: extras({ choice: beside }, NAME) }] : [];
  return ok([{ type: "text", text }, ...others]);
}

function encodeChoice({ index, blocks, finish }: AnswerChoice): JsonObject {
  let beside: JsonObject = {};
  let text = "";
  for (const block of blocks) {
    if (block.type === "text") text += block.text;
    const extra = block.type === "other" ? extrasOf(block.data, NAME) : undefined;
    if (extra?.choice) beside = mergeExtra(beside, extra.choice);
  }
  return { index, text, logprobs: null, ...beside, finish_reason: encodeFinish(finish) };
}
