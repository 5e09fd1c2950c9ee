import type { Body, TokenizeDraft } from "../../core/draft.ts";
import type { JsonObject } from "../../core/json.ts";
import { ok, type Result } from "../../core/result.ts";
import { anthropicMessages } from "../anthropic-messages/index.ts";
import { carrying } from "../carry.ts";
import { NAME } from "./words.ts";

/** Reads a body of `POST /messages/count_tokens`: a message's, of which `max_tokens` is not asked. */
export function decodeRequest(body: Body): Result<TokenizeDraft> {
  const value = { ...body.value, max_tokens: 1, stream: false };
  const decoded = anthropicMessages.decodeRequest({ ...body, value });
  if (!decoded.ok) return decoded;
  const chat = decoded.value;
  if (chat.operation !== "chat") throw new Error("a message was read as something else");
  const { maxOutputTokens: _, ...counted } = chat;
  const { model, endUser, unknownFields } = chat;
  return ok({
    operation: "tokenize",
    model,
    chat: counted,
    ...(endUser !== undefined && { endUser }),
    unknownFields,
  });
}

/** What the count depends on; the endpoint refuses what only an answer would. */
const COUNTED = ["system", "tools", "tool_choice", "thinking"] as const;

/** A body for `POST /messages/count_tokens`: of what the messages format makes of the chat, what counts. */
export const encodeRequest = carrying({
  wire: NAME,
  operation: "tokenize",
  path: "/messages/count_tokens",
  build: (attempt, { chat }) => {
    const maxOutputTokens = attempt.maxOutputTokens ?? chat.maxOutputTokens ?? 1;
    const message = anthropicMessages.encodeRequest({ ...attempt, draft: chat, stream: false, maxOutputTokens });
    if (!message.ok) return message;
    const whole = JSON.parse(message.value.body) as JsonObject;
    const counted: Record<string, JsonObject[string]> = { model: attempt.model, messages: whole.messages ?? [] };
    for (const field of COUNTED) if (whole[field] !== undefined) counted[field] = whole[field];
    return ok(counted);
  },
});
