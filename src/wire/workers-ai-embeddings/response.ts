import type { Answer, EmbedAnswer } from "../../core/answer.ts";
import type { Json } from "../../core/json.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import { protocolFailure } from "../frames.ts";
import { isList, rest } from "../read.ts";
import { answerObject } from "../upstream-failure.ts";
import { NAME } from "./words.ts";

const KNOWN = new Set(["shape", "data"]);

/** `{"shape": [texts, dimensions], "data": [[…]]}`, in the order of the texts. It counts no tokens. */
export function decodeAnswer(body: Json): Result<EmbedAnswer> {
  const answer = answerObject(body);
  if (!answer.ok) return answer;
  const json = answer.value;
  if (!isList(json.data) || json.data.length === 0) return fail(protocolFailure("answer_without_data"));
  const vectors: (readonly number[])[] = [];
  for (const vector of json.data) {
    if (!isVector(vector)) return fail(protocolFailure("malformed_embedding"));
    vectors.push(vector);
  }
  const fields = rest(json, KNOWN);
  return ok({ operation: "embed", model: "", vectors, ...(fields && { extra: { wire: NAME, fields } }) });
}

function isVector(value: Json): value is readonly number[] {
  return isList(value) && value.length > 0 && value.every((number) => typeof number === "number");
}

export function encodeAnswer(answer: Answer): Json {
  if (answer.operation !== "embed")
    throw new Error("an embedding format was asked to write another operation's answer");
  const own = answer.extra?.wire === NAME ? answer.extra.fields : {};
  return { shape: [answer.vectors.length, answer.vectors[0]?.length ?? 0], data: answer.vectors, ...own };
}
