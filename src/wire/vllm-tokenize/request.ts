import type { Body, TokenizeDraft } from "../../core/draft.ts";
import { ok, type Result } from "../../core/result.ts";
import { carrying, inWordsOf } from "../carry.ts";
import { openAiChat } from "../openai-chat/index.ts";
import { build } from "../openai-chat/upstream-request.ts";
import { given } from "../read.ts";
import { chatToCount } from "../token-count.ts";
import { NAME } from "./words.ts";

/** Reads a body of vLLM's `POST /tokenize` in its form for chats: `messages` and `tools` as in a chat completion. */
export function decodeRequest(body: Body): Result<TokenizeDraft> {
  return chatToCount(openAiChat.decodeRequest(body));
}

/** Asks for what the same chat would take here: of the body that would be sent, what its template is filled with. */
export const encodeRequest = carrying({
  wire: NAME,
  operation: "tokenize",
  path: "/tokenize",
  unversioned: true,
  build: (attempt, { chat }) => {
    const whole = inWordsOf("openai-chat", build, attempt, chat);
    if (!whole.ok) return whole;
    const { messages, tools } = whole.value;
    // The opening of the answer is part of what a chat is charged for.
    return ok({ model: attempt.model, add_generation_prompt: true, ...given({ messages, tools }) });
  },
});
