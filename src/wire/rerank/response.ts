import type { Answer, RankedDocument, RerankAnswer } from "../../core/answer.ts";
import { isJsonObject, type Json, type JsonObject } from "../../core/json.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import type { WriterContext } from "../../core/wire.ts";
import { protocolFailure } from "../frames.ts";
import { count, isList, rest } from "../read.ts";
import { answerObject } from "../upstream-failure.ts";
import { NAME } from "./words.ts";

const KNOWN = new Set(["model", "results"]);
const KNOWN_RESULT = new Set(["index", "relevance_score", "document"]);

/** Reads `results`, which vLLM, Cohere and Jina write alike; beside them each has fields of its own. */
export function decodeAnswer(body: Json): Result<RerankAnswer> {
  const read = answerObject(body);
  if (!read.ok) return read;
  const json = read.value;
  if (!isList(json.results)) return fail(protocolFailure("answer_without_results"));
  const results: RankedDocument[] = [];
  const seen = new Set<number>();
  for (const item of json.results) {
    const result = decodeResult(item);
    // The same document twice: one of the two is another's rank.
    if (!result || seen.has(result.index)) return fail(protocolFailure("malformed_result"));
    seen.add(result.index);
    results.push(result);
  }
  const inputTokens = tokensOf(json);
  const fields = rest(json, KNOWN);
  return ok({
    operation: "rerank",
    model: typeof json.model === "string" ? json.model : "",
    results,
    ...(inputTokens !== undefined && { usage: { inputTokens } }),
    ...(fields && { extra: { wire: NAME, fields } }),
  });
}

function decodeResult(item: Json): RankedDocument | undefined {
  if (!isJsonObject(item)) return undefined;
  const { index, relevance_score: score, document } = item;
  if (count(index) === undefined || typeof index !== "number" || typeof score !== "number") return undefined;
  const extra = rest(item, KNOWN_RESULT);
  return {
    index,
    score,
    ...(document !== undefined && document !== null && { document }),
    ...(extra && { extra }),
  };
}

/** vLLM's and Jina's `usage`, Cohere's `meta.tokens`. Cohere bills by searches: what it does not count in tokens stays unknown. */
function tokensOf({ usage, meta }: JsonObject): number | undefined {
  const reported = isJsonObject(usage) ? usage : {};
  const tokens = isJsonObject(meta) && isJsonObject(meta.tokens) ? meta.tokens : {};
  return count(reported.prompt_tokens) ?? count(reported.total_tokens) ?? count(tokens.input_tokens);
}

export function encodeAnswer(answer: Answer, context: WriterContext): Json {
  if (answer.operation !== "rerank")
    throw new Error("a reranking format was asked to write another operation's answer");
  const own: JsonObject = answer.extra?.wire === NAME ? answer.extra.fields : {};
  const tokens = answer.usage?.inputTokens;
  return {
    ...(context.model !== "" && { model: context.model }),
    ...(tokens !== undefined && { usage: { prompt_tokens: tokens, total_tokens: tokens } }),
    ...own,
    results: answer.results.map(({ index, score, document, extra }) => ({
      index,
      relevance_score: score,
      ...(document !== undefined && { document }),
      ...extra,
    })),
  };
}
