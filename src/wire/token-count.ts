import type { Answer, TokenizeAnswer } from "../core/answer.ts";
import type { Draft, TokenizeDraft } from "../core/draft.ts";
import type { Json } from "../core/json.ts";
import { fail, ok, type Result } from "../core/result.ts";
import { protocolFailure } from "./frames.ts";
import { count, given, rest } from "./read.ts";
import { answerObject } from "./upstream-failure.ts";

/** The chat that a request to count is, as the chat's own format reads it: no answer is asked for. */
export function chatToCount(decoded: Result<Draft>): Result<TokenizeDraft> {
  if (!decoded.ok) return decoded;
  if (decoded.value.operation !== "chat") throw new Error("a chat was read as something else");
  const { maxOutputTokens: _, ...chat } = decoded.value;
  const { model, endUser, unknownFields } = chat;
  return ok({ operation: "tokenize", model, chat: { ...chat, stream: false }, ...given({ endUser }), unknownFields });
}

/** The answers of a format that counts a chat's tokens and says one number, under `key`. */
export function countsUnder(wire: string, key: string) {
  const known = new Set([key]);
  return {
    decodeAnswer(json: Json): Result<TokenizeAnswer> {
      const answer = answerObject(json);
      if (!answer.ok) return answer;
      const inputTokens = count(answer.value[key]);
      if (inputTokens === undefined) return fail(protocolFailure("answer_without_count"));
      const fields = rest(answer.value, known);
      return ok({
        operation: "tokenize",
        model: "",
        inputTokens,
        estimated: false,
        ...(fields && { extra: { wire, fields } }),
      });
    },
    encodeAnswer(answer: Answer): Json {
      if (answer.operation !== "tokenize") throw new Error(`${wire} was asked to write another operation's answer`);
      const own = answer.extra?.wire === wire ? answer.extra.fields : {};
      return { [key]: answer.inputTokens, ...own };
    },
  };
}
