import { type Body, type ChatDraft, choicesOf, type Draft } from "../core/draft.ts";
import type { WireName } from "../core/wire.ts";
import { parseBody, patchBody } from "../lib/json.ts";
import { nameIn } from "../wire/names.ts";

/** A chat in the draft's words and in the caller's own text: both say the same. */
export interface Conversation {
  readonly draft: ChatDraft;
  readonly body: Body;
}

/** A turn that is text alone; every format for chats takes it in this form. */
export interface Turn {
  readonly role: "assistant" | "user";
  readonly content: string;
}

/** A chat whose answer is plain text: a structure or a call that broke off cannot be picked up, nor can an answer that goes on from the caller's own words. */
export function isContinuable(draft: Draft): draft is ChatDraft {
  return (
    draft.operation === "chat" &&
    choicesOf(draft) === 1 &&
    draft.tools === undefined &&
    draft.responseFormat === undefined &&
    draft.logprobs === undefined &&
    draft.messages.at(-1)?.role !== "assistant"
  );
}

/** The conversation with `turns` behind it; `wire`: the caller's. */
export function withAppended({ draft, body }: Conversation, turns: readonly Turn[], wire: WireName): Conversation {
  const messages = turns.map(({ role, content }) => ({ role, content: [{ type: "text", text: content }] }) as const);
  return {
    draft: { ...draft, messages: [...draft.messages, ...messages] },
    body: withTurns(body, JSON.stringify(turns), nameIn(wire, "messages")),
  };
}

/** `list` behind the conversation as it was written: a list, or (in Responses) one text. */
function withTurns(body: Body, list: string, field: string): Body {
  const member = body.members.find(({ key }) => key === field);
  if (!member) throw new Error("a body without a conversation was to be repaired");
  const before = body.text.slice(member.valueStart, member.end).trim();
  const turns = before.startsWith("[") ? before.slice(1, -1).trim() : `{"role":"user","content":${before}}`;
  const json = `[${turns}${turns === "" ? "" : ","}${list.slice(1)}`;
  const parsed = parseBody(new TextEncoder().encode(patchBody(body, [{ key: member.key, json }])), {
    maxDepth: Number.MAX_SAFE_INTEGER,
  });
  if (!parsed.ok) throw new Error(`a body could not be appended to: ${parsed.kind}`);
  return parsed.body;
}
