import type { Body, TokenizeDraft } from "../../core/draft.ts";
import type { JsonObject } from "../../core/json.ts";
import { ok, type Result } from "../../core/result.ts";
import type { AttemptRequest, WireRequest } from "../../core/wire.ts";
import { anthropicMessages } from "../anthropic-messages/index.ts";
import { BodyPatches } from "../quirks.ts";
import { Translations } from "../translations.ts";
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

/** The caller's own text, patched, where the caller counts in this format; else what the messages format makes of the chat. */
export function encodeRequest(attempt: AttemptRequest): Result<WireRequest> {
  const { draft } = attempt;
  if (draft.operation !== "tokenize") throw new Error("a counting format was asked to carry another operation");
  const translations = new Translations();
  let body: string;
  if (attempt.clientWire === NAME) body = new BodyPatches(attempt, translations).text();
  else {
    const message = anthropicMessages.encodeRequest({
      ...attempt,
      draft: draft.chat,
      stream: false,
      maxOutputTokens: attempt.maxOutputTokens ?? draft.chat.maxOutputTokens ?? 1,
    });
    if (!message.ok) return message;
    const whole = JSON.parse(message.value.body) as JsonObject;
    const counted: Record<string, JsonObject[string]> = { model: attempt.model, messages: whole.messages ?? [] };
    for (const field of COUNTED) if (whole[field] !== undefined) counted[field] = whole[field];
    body = JSON.stringify(counted);
  }
  return ok({
    path: "/messages/count_tokens",
    headers: { "content-type": "application/json", accept: "application/json" },
    body,
    translations: translations.list(),
  });
}
