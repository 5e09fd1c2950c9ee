import type { Answer, RerankAnswer } from "../../core/answer.ts";
import { isJsonObject, type Json } from "../../core/json.ts";
import type { Result } from "../../core/result.ts";
import { isList } from "../read.ts";
import { decodeAnswer as decodeRanking } from "../rerank/response.ts";

/** `{"response": [{"id": 0, "score": 0.9}]}`, the best first: `/rerank`'s results in other words. It repeats no documents and counts no tokens. */
export function decodeAnswer(body: Json): Result<RerankAnswer> {
  if (!isJsonObject(body) || !isList(body.response)) return decodeRanking(body);
  const results = body.response.map((item) => {
    const { id = null, score = null } = isJsonObject(item) ? item : {};
    return { index: id, relevance_score: score };
  });
  // A caller takes the first for the best, and so is cut off what was not asked for.
  return decodeRanking({
    results: results.sort((one, other) => Number(other.relevance_score) - Number(one.relevance_score)),
  });
}

export function encodeAnswer(answer: Answer): Json {
  if (answer.operation !== "rerank")
    throw new Error("a reranking format was asked to write another operation's answer");
  return { response: answer.results.map(({ index, score }) => ({ id: index, score })) };
}
