import type { Answer, AnswerBlock, AnswerChoice, ChatAnswer } from "../../core/answer.ts";
import { isJsonObject, type Json, type JsonObject } from "../../core/json.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import type { WriterContext } from "../../core/wire.ts";
import { protocolFailure } from "../frames.ts";
import { isList, rest } from "../read.ts";
import { answerObject, streamFailure } from "../upstream-failure.ts";
import { decodeFinish, decodeUsage, encodeUsage, isBroken, unspokenUsage } from "./words.ts";

const KNOWN = new Set(["id", "object", "created", "model", "choices", "usage"]);

/** One of OpenAI's two formats whose answers are lists of choices: they differ in what a choice holds. */
export interface ChoiceFormat {
  readonly wire: string;
  readonly operation: ChatAnswer["operation"];
  /** `object` of the answer. */
  readonly object: string;
  /** What a choice says, but for its index and finish. */
  readonly decodeBlocks: (choice: JsonObject) => Result<readonly AnswerBlock[]>;
  readonly encodeChoice: (choice: AnswerChoice) => JsonObject;
}

/** Reads an answer of choices. One without a finish for each is no answer; an error under a success status is a failure. */
export function decodeChoices(format: ChoiceFormat, json: Json): Result<ChatAnswer> {
  const answer = answerObject(json);
  if (!answer.ok) return answer;
  const { id, model, created, choices: items, usage: reported } = answer.value;
  if (!isList(items) || items.length === 0) return fail(protocolFailure("answer_without_choices"));
  const choices: AnswerChoice[] = [];
  for (const item of items) {
    const decoded = decodeChoice(format, item);
    if (!decoded.ok) return decoded;
    choices.push(decoded.value);
  }
  choices.sort((one, other) => one.index - other.index);
  const usage = decodeUsage(reported);
  const unspoken = unspokenUsage(reported);
  const fields = { ...rest(answer.value, KNOWN), ...(unspoken && { usage: unspoken }) };
  return ok({
    operation: format.operation,
    id: typeof id === "string" ? id : "",
    model: typeof model === "string" ? model : "",
    ...(typeof created === "number" && { createdAt: created }),
    choices,
    ...(usage && { usage }),
    ...(Object.keys(fields).length > 0 && { extra: { wire: format.wire, fields } }),
  });
}

function decodeChoice({ decodeBlocks }: ChoiceFormat, json: Json): Result<AnswerChoice> {
  if (!isJsonObject(json)) return fail(protocolFailure("malformed_choice"));
  const { finish_reason: raw, index } = json;
  if (typeof raw !== "string" || raw === "") return fail(protocolFailure("choice_without_finish"));
  if (isBroken(raw)) return fail(streamFailure({ code: `finish_${raw}` }));
  const blocks = decodeBlocks(json);
  if (!blocks.ok) return blocks;
  return ok({ index: typeof index === "number" ? index : 0, blocks: blocks.value, finish: decodeFinish(raw) });
}

/** Writes an answer of choices under the id, model name and time of `context`. */
export function encodeChoices(format: ChoiceFormat, answer: Answer, context: WriterContext): Json {
  if (answer.operation !== format.operation) throw new Error(`${format.wire} was asked to write another answer`);
  const own = answer.extra?.wire === format.wire ? answer.extra.fields : {};
  const { usage: rawUsage, ...fields } = own;
  return {
    id: context.id,
    object: format.object,
    created: context.createdAt,
    model: context.model,
    choices: answer.choices.map(format.encodeChoice),
    ...(answer.usage && { usage: encodeUsage(answer.usage, isJsonObject(rawUsage) ? rawUsage : {}) }),
    ...fields,
  };
}
