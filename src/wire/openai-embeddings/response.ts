import type { Answer, EmbedAnswer } from "../../core/answer.ts";
import { isJsonObject, type Json, type JsonObject } from "../../core/json.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import type { WriterContext } from "../../core/wire.ts";
import { protocolFailure } from "../frames.ts";
import { count, isList, rest } from "../read.ts";
import { answerObject } from "../upstream-failure.ts";
import { NAME } from "./words.ts";

const KNOWN = new Set(["object", "data", "model", "usage"]);
const KNOWN_USAGE = new Set(["prompt_tokens", "total_tokens"]);

/** Reads a list of embeddings, in the order of the inputs whatever order they came in. */
export function decodeAnswer(body: Json): Result<EmbedAnswer> {
  const read = answerObject(body);
  if (!read.ok) return read;
  const json = read.value;
  if (!isList(json.data) || json.data.length === 0) return fail(protocolFailure("answer_without_data"));
  const vectors: (readonly number[] | string)[] = [];
  for (const [position, item] of json.data.entries()) {
    if (!isJsonObject(item)) return fail(protocolFailure("malformed_embedding"));
    const { embedding, index = position } = item;
    const whole = typeof embedding === "string" || (isList(embedding) && isNumbers(embedding));
    if (!whole || typeof index !== "number" || vectors[index] !== undefined)
      return fail(protocolFailure("malformed_embedding"));
    vectors[index] = embedding;
  }
  // A hole, or an index beyond the list, is a vector that would be taken for another input's.
  if (vectors.length !== json.data.length) return fail(protocolFailure("embedding_missing"));
  const reported = isJsonObject(json.usage) ? json.usage : {};
  const inputTokens = count(reported.prompt_tokens) ?? count(reported.total_tokens);
  const fields = { ...rest(json, KNOWN), ...(rest(reported, KNOWN_USAGE) && { usage: reported }) };
  return ok({
    operation: "embed",
    model: typeof json.model === "string" ? json.model : "",
    vectors,
    ...(inputTokens !== undefined && { usage: { inputTokens } }),
    ...(Object.keys(fields).length > 0 && { extra: { wire: NAME, fields } }),
  });
}

function isNumbers(list: readonly Json[]): list is readonly number[] {
  return list.every((number) => typeof number === "number");
}

export function encodeAnswer(answer: Answer, context: WriterContext): Json {
  if (answer.operation !== "embed")
    throw new Error("an embedding format was asked to write another operation's answer");
  const own: JsonObject = answer.extra?.wire === NAME ? answer.extra.fields : {};
  const { usage, ...fields } = own;
  // Clients rely on these two counts: what is unknown to us is 0 here, and here alone.
  const tokens = answer.usage?.inputTokens ?? 0;
  return {
    object: "list",
    data: answer.vectors.map((embedding, index) => ({ object: "embedding", index, embedding })),
    model: context.model,
    usage: { ...(isJsonObject(usage) && usage), prompt_tokens: tokens, total_tokens: tokens },
    ...fields,
  };
}
