import type { Answer, TokenizeAnswer } from "../../core/answer.ts";
import { isJsonObject, type Json } from "../../core/json.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import { protocolFailure } from "../frames.ts";
import { count, rest } from "../read.ts";
import { streamFailure } from "../upstream-failure.ts";
import { NAME } from "./words.ts";

const KNOWN = new Set(["input_tokens"]);

export function decodeAnswer(json: Json): Result<TokenizeAnswer> {
  if (!isJsonObject(json)) return fail(protocolFailure("answer_not_an_object"));
  if (json.type === "error" || json.error) return fail(streamFailure(json.error ?? json));
  const inputTokens = count(json.input_tokens);
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
  return { input_tokens: answer.inputTokens, ...own };
}
