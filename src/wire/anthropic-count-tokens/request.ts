import type { Body, TokenizeDraft } from "../../core/draft.ts";
import { ok, type Result } from "../../core/result.ts";
import { anthropicMessages } from "../anthropic-messages/index.ts";
import { build } from "../anthropic-messages/upstream-request.ts";
import { carrying, inWordsOf } from "../carry.ts";
import { given } from "../read.ts";
import { chatToCount } from "../token-count.ts";
import { NAME } from "./words.ts";

/** Reads a body of `POST /messages/count_tokens`: a message's, of which `max_tokens` is not asked. */
export function decodeRequest(body: Body): Result<TokenizeDraft> {
  const value = { ...body.value, max_tokens: 1, stream: false };
  return chatToCount(anthropicMessages.decodeRequest({ ...body, value }));
}

/** A body for `POST /messages/count_tokens`: of the message that would be sent, what counts. The endpoint refuses what only an answer depends on. */
export const encodeRequest = carrying({
  wire: NAME,
  operation: "tokenize",
  path: "/messages/count_tokens",
  build: (attempt, { chat }) => {
    const maxOutputTokens = attempt.maxOutputTokens ?? chat.maxOutputTokens ?? 1;
    const whole = inWordsOf("anthropic-messages", build, { ...attempt, maxOutputTokens }, chat);
    if (!whole.ok) return whole;
    const { messages, system, tools, tool_choice, thinking } = whole.value;
    return ok({ model: attempt.model, ...given({ messages, system, tools, tool_choice, thinking }) });
  },
});
