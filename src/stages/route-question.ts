import { type ContentBlock, type Draft, isGenerative } from "../core/draft.ts";
import type { Continued } from "../core/exchange.ts";
import { isJsonObject } from "../core/json.ts";
import { type Complexity, complexityOf } from "../routing/complexity.ts";
import { languageOf } from "../routing/language.ts";
import type { Question } from "../routing/rules.ts";

/** The request as rules of routes see it. Reads the conversation only where a rule asks about it, and then once. */
export function questionOf(exchange: Continued, inputTokens: number): Question {
  const { principal, controls, body } = exchange;
  // A count is of the chat that it is about.
  const draft = exchange.draft.operation === "tokenize" ? exchange.draft.chat : exchange.draft;
  let text: string | undefined;
  let language: { readonly found: string | undefined } | undefined;
  let complexity: Complexity | undefined;
  const newest = () => {
    text ??= newestWords(draft);
    return text;
  };
  const tools = draft.operation === "chat" ? (draft.tools?.length ?? 0) : 0;
  return {
    tenant: principal.tenant,
    tier: principal.tier,
    scopes: principal.scopes,
    task: controls.task,
    inputTokens,
    hasTools: tools > 0,
    stream: isGenerative(draft) && draft.stream,
    metadata(name) {
      const { metadata } = controls;
      if (metadata && Object.hasOwn(metadata, name)) return metadata[name];
      const own = body.value.metadata;
      const value = isJsonObject(own) && Object.hasOwn(own, name) ? own[name] : undefined;
      return typeof value === "string" ? value : undefined;
    },
    hasImages: () => draft.operation === "chat" && draft.messages.some(({ content }) => content.some(holdsImage)),
    language() {
      language ??= { found: languageOf(newest()) };
      return language.found;
    },
    complexity() {
      complexity ??= complexityOf({
        text: newest(),
        inputTokens,
        turns: draft.operation === "chat" ? draft.messages.length : 1,
        tools,
        structured: draft.operation === "chat" && draft.responseFormat !== undefined,
      });
      return complexity;
    },
  };
}

/** Who a choice by hash sticks to, as far as the request names somebody. */
export function subjectOf(exchange: Continued, of: "session" | "user" | "key" | "tenant"): string | undefined {
  const { principal, controls, draft } = exchange;
  // Names are a tenant's own: two tenants' alike must not share an arm, nor tell of each other by it.
  const own = (name: string | undefined) => (name === undefined ? undefined : `${principal.tenant}|${name}`);
  switch (of) {
    case "session":
      return own(controls.session ?? (draft.operation === "chat" ? draft.promptCacheKey : undefined));
    case "user":
      return own(principal.user ?? draft.endUser);
    case "key":
      return principal.keyId;
    case "tenant":
      return principal.tenant;
  }
}

/** What the user said last, or all that there is of text. */
function newestWords(draft: Draft): string {
  switch (draft.operation) {
    case "chat": {
      const message = draft.messages.findLast(({ role }) => role === "user");
      return (message?.content ?? []).flatMap((block) => (block.type === "text" ? [block.text] : [])).join("\n");
    }
    case "complete":
      return draft.prompts.filter((prompt) => typeof prompt === "string").join("\n");
    case "embed":
      return draft.inputs.filter((input) => typeof input === "string").join("\n");
    case "rerank":
      return draft.query;
    case "tokenize":
      return newestWords(draft.chat);
  }
}

function holdsImage(block: ContentBlock): boolean {
  return block.type === "image" || (block.type === "tool-result" && block.content.some(holdsImage));
}
