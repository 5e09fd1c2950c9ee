import type { Body, Draft } from "../core/draft.ts";

export interface CacheScope {
  readonly tenant: string;
  readonly namespace: string;
  readonly alias: string;
  /** Config, overlay and policy versions: an answer made under other rules is another answer. */
  readonly versions: readonly (string | number)[];
  readonly maxOutputTokens: number | undefined;
}

/**
 * SHA-256 over everything that can change an answer, as hex: the draft in no format's words, so that both wire formats share
 * an entry where the answer is the same; fields without a word count by their own source text. How the answer is delivered
 * (`stream`, usage frames) and who the end user is do not count.
 */
export async function cacheKeyOf(draft: Draft, body: Body, scope: CacheScope): Promise<string> {
  const { model: _alias, endUser: _endUser, unknownFields, ...rest } = draft;
  const meaning: Record<string, unknown> = { ...rest, maxOutputTokens: scope.maxOutputTokens };
  delete meaning.stream;
  delete meaning.streamUsage;
  const unspoken = draft.operation === "chat" ? [...unknownFields, ...draft.untranslatable] : unknownFields;
  const sources = new Map(body.members.map(({ key, valueStart, end }) => [key, body.text.slice(valueStart, end)]));
  const fields = [...unspoken].sort().map((name) => [name, sources.get(name)]);
  const text = JSON.stringify([scope.tenant, scope.namespace, scope.alias, scope.versions, sorted(meaning), fields]);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function sorted(value: Record<string, unknown>): [string, unknown][] {
  return Object.entries(value)
    .filter(([, entry]) => entry !== undefined)
    .sort(([left], [right]) => (left < right ? -1 : 1));
}
