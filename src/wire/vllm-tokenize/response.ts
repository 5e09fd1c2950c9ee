import type { Answer, TokenizeAnswer } from "../../core/answer.ts";
import { isJsonObject, type Json } from "../../core/json.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import { protocolFailure } from "../frames.ts";
import { count, rest } from "../read.ts";
import { streamFailure } from "../upstream-failure.ts";

const NAME = "vllm-tokenize";
const KNOWN = new Set(["count"]);

export function decodeAnswer(json: Json): Result<TokenizeAnswer> {
  if (!isJsonObject(json)) return fail(protocolFailure("answer_not_an_object"));
  if (json.error) return fail(streamFailure(json.error));
  if (json.object === "error") return fail(streamFailure(json));
  const inputTokens = count(json.count);
  if (inputTokens === undefined) return fail(protocolFailure("answer_without_count"));
  const fields = rest(json, KNOWN);
  return ok({
    operation: "tokenize",
    model: "",
    inputTokens,
    estimated: false,
    ...(fields && { extra: { wire: NAME, fields } }),
  });
}

export function encodeAnswer(answer: Answer): Json {
  if (answer.operation !== "tokenize")
    throw new Error("a counting format was asked to write another operation's answer");
  const own = answer.extra?.wire === NAME ? answer.extra.fields : {};
  return { count: answer.inputTokens, ...own };
}
