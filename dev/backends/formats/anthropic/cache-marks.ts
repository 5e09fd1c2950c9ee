import { isJsonObject, type JsonObject } from "../../json.ts";
import type { Ask, Turn } from "../../operation.ts";
import type { CachePart, CacheUse } from "../../prompt-caches.ts";
import { simulatedTokens, TOKENS_PER_MESSAGE } from "../../text/tokens.ts";
import { blockTexts } from "./message-texts.ts";

/** What the cache marks of a request read and write; the marker `cached` overrides what is read. */
export function cacheUseOf(ask: Ask, turn: Turn): CacheUse {
  const { cached } = turn.directives;
  if (cached !== undefined) return { read: Math.min(cached, ask.promptTokens), written5m: 0, written1h: 0 };
  return turn.caches.marked(turn.model.id, partsOf(ask.body));
}

/** The prompt in the order in which Anthropic caches it: tools, system, messages. The costs add up to the prompt's. */
function partsOf(body: JsonObject): CachePart[] {
  const parts: CachePart[] = [...toolParts(body.tools)];
  if (body.system !== undefined) parts.push(headPart(), ...contentParts(body.system));
  for (const message of Array.isArray(body.messages) ? body.messages.filter(isJsonObject) : [])
    parts.push(headPart(), ...contentParts(message.content));
  const last = parts.at(-1);
  const automatic = markOf(body);
  if (automatic !== undefined && last !== undefined) parts.splice(-1, 1, { ...last, mark: automatic });
  return parts;
}

function headPart(): CachePart {
  return { tokens: TOKENS_PER_MESSAGE, text: "", mark: undefined };
}

/** Tools are counted as one text; a mark on any of them stands for all, so that the costs still add up. */
function toolParts(tools: unknown): CachePart[] {
  if (!Array.isArray(tools)) return [];
  const text = JSON.stringify(tools);
  return [{ tokens: simulatedTokens(text), text, mark: tools.filter(isJsonObject).map(markOf).find(Boolean) }];
}

function contentParts(content: unknown): CachePart[] {
  if (!Array.isArray(content)) return blockTexts(content).map((text) => part(text, undefined));
  return content.filter(isJsonObject).flatMap((block) => {
    const texts = blockTexts([block]);
    return texts.map((text, index) => part(text, index === texts.length - 1 ? markOf(block) : undefined));
  });
}

function part(text: string, mark: CachePart["mark"]): CachePart {
  return { tokens: simulatedTokens(text), text, mark };
}

/** The mark on a block. */
export function markOf({ cache_control: mark }: JsonObject): CachePart["mark"] {
  if (!isJsonObject(mark)) return undefined;
  return mark.ttl === "1h" ? "1h" : "5m";
}
