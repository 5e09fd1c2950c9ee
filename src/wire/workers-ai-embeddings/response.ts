import type { Answer, EmbedAnswer } from "../../core/answer.ts";
import { isJsonObject, type Json } from "../../core/json.ts";
import type { Result } from "../../core/result.ts";
import { decodeAnswer as decodeVectors } from "../openai-embeddings/response.ts";
import { isList } from "../read.ts";

/** `{"shape": [texts, dimensions], "data": [[…]]}`, in the order of the texts: OpenAI's list in other words. It counts no tokens. */
export function decodeAnswer(body: Json): Result<EmbedAnswer> {
  if (!isJsonObject(body) || !isList(body.data)) return decodeVectors(body);
  return decodeVectors({ data: body.data.map((embedding) => ({ embedding })) });
}

export function encodeAnswer(answer: Answer): Json {
  if (answer.operation !== "embed")
    throw new Error("an embedding format was asked to write another operation's answer");
  return { shape: [answer.vectors.length, answer.vectors[0]?.length ?? 0], data: answer.vectors };
}
