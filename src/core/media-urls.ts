import type { ImageUrls } from "./config.ts";
import { type Body, type ContentBlock, type Draft, findInBlocks, unreadMembers } from "./draft.ts";
import { badRequest, type Failure, UNTRANSLATABLE } from "./failure.ts";
import { isJsonObject, type Json } from "./json.ts";

/**
 * Images and files by address. A backend fetches them itself, from where it stands: a vLLM behind a tunnel would fetch from inside the home
 * network whatever a caller names. So each backend has a rule, and what is private by its looks, or no web address at all, is refused always.
 * Fails closed: what cannot be read as an address is refused. A public name that resolves to a private address cannot be seen from here;
 * that is why a private backend's rule is `refuse` unless its operator says otherwise. `passing`: the caller's body, where the backend gets it
 * as it is; into one that is built from the draft nothing comes that is not in the draft.
 */
export function refusedMediaUrl(draft: Draft, rule: ImageUrls, passing?: Body): Failure | undefined {
  // To count a chat, a server may look at its images.
  const asked = draft.operation === "tokenize" ? draft.chat : draft;
  const refused = asked.operation === "chat" && findInBlocks(asked.messages, (block) => inBlock(block, rule));
  return refused || (passing && inUnread(draft, passing, rule));
}

interface Problem {
  readonly says: string;
  /** Another backend may permit it. */
  readonly here: boolean;
}

function refusal(field: string, problem: Problem | undefined): Failure | undefined {
  if (!problem) return undefined;
  // A field that nobody knows has a name of the caller's.
  const name = field.slice(0, 64);
  const failure = badRequest(`The address in \`${name}\` ${problem.says}.`, name, "unsupported_image_url");
  return problem.here ? { ...failure, detail: UNTRANSLATABLE } : failure;
}

function inBlock(block: ContentBlock, rule: ImageUrls): Failure | undefined {
  switch (block.type) {
    case "image":
    case "file":
      return block.source.kind === "url" ? refusal(block.path, judge(block.source.url, rule)) : undefined;
    case "other":
      // What a provider's own search has found and a caller sends back is read, not fetched; a private server is trusted with no such word.
      if (SEEN.test(block.kind) && rule !== "refuse") return undefined;
      return refusal(
        block.path,
        inUnknown(block.data, rule, block.kind, block.kind.endsWith("tool_use") ? ARGUMENTS : undefined),
      );
    default:
      return undefined;
  }
}

/** In the members that nobody here has read: the chat form of vLLM's embeddings has `messages`, a document of a rerank may have content of its own. */
function inUnread(draft: Draft, body: Body, rule: ImageUrls): Failure | undefined {
  for (const { key } of unreadMembers(draft, body)) {
    if (WORDS.test(key)) continue;
    const value = body.value[key] ?? null;
    const items: readonly Json[] = Array.isArray(value) ? value : [value];
    for (const [index, item] of items.entries()) {
      const problem = inUnknown(item, rule, key, WORDS);
      if (problem) return refusal(items === value ? `${key}[${index}]` : key, problem);
    }
  }
  return undefined;
}

/** The caller's own labels, and schemas, whose examples and defaults are words: nobody fetches them. */
const WORDS = /^(?:metadata|parameters|(?:input_)?schema|input_examples|structured_outputs|guided_json)$/;
/** A tool's arguments are words of the model. */
const ARGUMENTS = /^input$/;

/** In content that nobody here has a word for, whatever stands under a name that says address: `image_url`, `video_url: {url}`, `source.url`. */
function inUnknown(data: Json, rule: ImageUrls, name: string, words?: RegExp): Problem | undefined {
  if (typeof data === "string") return isMediaKey(name) ? judge(data, rule) : undefined;
  if (typeof data !== "object" || data === null) return undefined;
  if (!isJsonObject(data)) {
    for (const item of data as readonly Json[]) {
      const problem = inUnknown(item, rule, name, words);
      if (problem) return problem;
    }
    return undefined;
  }
  for (const key of Object.keys(data)) {
    if (words?.test(key)) continue;
    const problem = inUnknown(data[key] ?? null, rule, key, words);
    if (problem) return problem;
  }
  return undefined;
}

const SEEN = /^(?:web_search_tool_result|web_fetch_tool_result|search_result)$/;

function isMediaKey(key: string): boolean {
  return /ur[il]$/i.test(key);
}

function judge(text: string, rule: ImageUrls): Problem | undefined {
  // The bytes themselves: nobody fetches anything.
  if (/^data:/i.test(text)) return undefined;
  // Readers of addresses disagree about these, and the backend's would count.
  if (/[\s\\\p{Cc}]/u.test(text) || !URL.canParse(text)) return { says: "is not a web address", here: false };
  const url = new URL(text);
  if (url.protocol !== "https:" && url.protocol !== "http:")
    return { says: "must begin with https:// (or hold the data itself, as data:)", here: false };
  if (url.username !== "" || url.password !== "" || /^https?:\/\/[^/?#]*@/i.test(text))
    return { says: "must not hold credentials", here: false };
  if (isPrivateHost(url.hostname)) return { says: "is not a public one", here: false };
  if (rule === "refuse")
    return { says: "cannot be fetched by the backend of this model; send the data itself (as base64)", here: true };
  if (rule === "https-only" && url.protocol !== "https:") return { says: "must begin with https://", here: true };
  return undefined;
}

const PRIVATE_SUFFIX = /\.(?:localhost|local|internal|intranet|lan|home|corp|home\.arpa)$/;

/**
 * Whether a host, as `URL` writes it, is private by its looks: a name without a dot or under a suffix of private networks, or an address that
 * is not global unicast (RFC 6890). `URL` has already turned every spelling of an IPv4 address (octal, hexadecimal, one number) into four numbers.
 */
export function isPrivateHost(hostname: string): boolean {
  const host = hostname.replace(/\.$/, "").toLowerCase();
  if (host.startsWith("[")) return isPrivateIpv6(host.slice(1, -1));
  const parts = host.split(".");
  if (parts.length === 4 && parts.every((part) => /^\d+$/.test(part))) return isPrivateIpv4(parts.map(Number));
  return parts.length < 2 || PRIVATE_SUFFIX.test(host);
}

function isPrivateIpv4([a = 0, b = 0, c = 0]: readonly number[]): boolean {
  return (
    a === 0 ||
    a === 10 ||
    a === 127 ||
    (a === 100 && b >= 64 && b < 128) ||
    (a === 169 && b === 254) ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168) ||
    (a === 192 && b === 0 && (c === 0 || c === 2)) ||
    (a === 198 && (b === 18 || b === 19 || (b === 51 && c === 100))) ||
    (a === 203 && b === 0 && c === 113) ||
    a >= 224
  );
}

/** Only 2000::/3 is global, without what wraps an IPv4 address or a tunnel (6to4, Teredo, documentation). */
function isPrivateIpv6(text: string): boolean {
  const [first = ""] = text.split(":", 1);
  const group = Number.parseInt(first === "" ? "0" : first, 16);
  if (!(group >= 0x2000 && group <= 0x3fff)) return true;
  if (group === 0x2002) return true;
  const second = Number.parseInt(text.split(":")[1] || "0", 16);
  return group === 0x2001 && (second === 0 || second === 0x0db8);
}
