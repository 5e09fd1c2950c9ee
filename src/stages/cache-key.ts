import { type Body, type ContentBlock, type Draft, isGenerative } from "../core/draft.ts";
import type { WireName } from "../core/wire.ts";
import { sha256Hex } from "../lib/hash.ts";

export interface CacheScope {
  readonly tenant: string;
  readonly namespace: string;
  readonly alias: string;
  /** Backend and model that the request is for, where the route has a choice: each arm has answers of its own. */
  readonly arm?: readonly [backend: string, model: string];
  /** Config, overlay and policy versions: an answer made under other rules is another answer. */
  readonly versions: readonly (string | number)[];
  readonly maxOutputTokens: number | undefined;
  /** The caller's format. */
  readonly wire: WireName;
}

/**
 * SHA-256 over everything that can change an answer, as hex: the draft in no format's words, so that both wire formats share an
 * entry where the answer is the same. What the draft has no word for, or cannot hold to the digit, one format may pass on and another
 * drop: such a request counts by its own source text and format. How the answer is delivered (`stream`, usage frames), whether it is kept and who
 * the end user is do not count.
 */
export async function cacheKeyOf(draft: Draft, body: Body, scope: CacheScope): Promise<string> {
  const { model: _alias, endUser: _endUser, ...rest } = draft;
  const meaning: Record<string, unknown> = { ...rest, maxOutputTokens: scope.maxOutputTokens };
  delete meaning.stream;
  delete meaning.streamUsage;
  delete meaning.keep;
  const source = isWholeInDraft(draft) ? [] : [scope.wire, sourceOf(body)];
  const { tenant, namespace, alias, versions, arm = [] } = scope;
  const text = JSON.stringify([tenant, namespace, alias, arm, versions, sorted(meaning), source]);
  return sha256Hex(text);
}

/** Whether the draft alone says all that the request says. */
function isWholeInDraft(draft: Draft): boolean {
  if (draft.unknownFields.length > 0) return false;
  if (!isGenerative(draft)) return true;
  if (draft.untranslatable.length > 0 || !(draft.seed === undefined || Number.isSafeInteger(draft.seed))) return false;
  return (
    draft.operation === "complete" ||
    // Schemas and inputs of tools hold numbers that were read as doubles.
    (draft.tools === undefined &&
      draft.responseFormat === undefined &&
      draft.messages.every(({ content }) => content.every(isText)))
  );
}

/** Words alone: what marks, signatures, images, calls and their results mean differs between formats. */
function isText(block: ContentBlock): boolean {
  return block.type === "text" && block.cacheControl === undefined && block.citations === undefined;
}

/** Members that say how, to whom or under which name the answer goes, and not what it is. */
const DELIVERY = new Set(["model", "stream", "stream_options", "user", "safety_identifier", "metadata"]);

function sourceOf(body: Body): readonly (readonly [string, string])[] {
  return body.members
    .filter(({ key }) => !DELIVERY.has(key))
    .map(({ key, valueStart, end }) => [key, body.text.slice(valueStart, end)] as const)
    .sort(([left], [right]) => (left < right ? -1 : 1));
}

function sorted(value: Record<string, unknown>): [string, unknown][] {
  return Object.entries(value)
    .filter(([, entry]) => entry !== undefined)
    .sort(([left], [right]) => (left < right ? -1 : 1));
}
