import type { Body, TokenizeDraft } from "../../core/draft.ts";
import type { Json, JsonObject } from "../../core/json.ts";
import { ok, type Result } from "../../core/result.ts";
import type { AttemptRequest, WireRequest } from "../../core/wire.ts";
import { openAiChat } from "../openai-chat/index.ts";
import { Translations } from "../translations.ts";

/** Reads a body of vLLM's `POST /tokenize` in its form for chats: `messages` and `tools` as in a chat completion. */
export function decodeRequest(body: Body): Result<TokenizeDraft> {
  const decoded = openAiChat.decodeRequest(body);
  if (!decoded.ok) return decoded;
  const chat = decoded.value;
  if (chat.operation !== "chat") throw new Error("a chat was read as something else");
  const { model, endUser, unknownFields } = chat;
  return ok({
    operation: "tokenize",
    model,
    chat: { ...chat, stream: false, streamUsage: false },
    ...(endUser !== undefined && { endUser }),
    unknownFields,
  });
}

/** Of a chat completion's body, what its template is filled with. */
const COUNTED = ["messages", "tools"] as const;

/** Asks for what the same chat would take here: the body that would be sent, and of it what counts. */
export function encodeRequest(attempt: AttemptRequest): Result<WireRequest> {
  const { draft } = attempt;
  if (draft.operation !== "tokenize") throw new Error("a counting format was asked to carry another operation");
  const chat = openAiChat.encodeRequest({ ...attempt, draft: draft.chat, stream: false });
  if (!chat.ok) return chat;
  const whole = JSON.parse(chat.value.body) as JsonObject;
  // The opening of the answer is part of what a chat is charged for.
  const counted: Record<string, Json> = { model: attempt.model, add_generation_prompt: true };
  for (const field of COUNTED) if (whole[field] !== undefined) counted[field] = whole[field];
  return ok({
    path: "/tokenize",
    unversioned: true,
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify(counted),
    translations: new Translations().list(),
  });
}
