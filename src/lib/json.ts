/** The shape of `JSON.parse`'s result, without `any`. */
type Value = string | number | boolean | null | readonly Value[] | ObjectValue;
type ObjectValue = { readonly [key: string]: Value };

/** A JSON object with its own source text: what was read, and where each top-level member stands in it. */
export interface ParsedBody {
  readonly text: string;
  readonly value: ObjectValue;
  readonly members: readonly Member[];
  /** UTF-8 length as received. */
  readonly bytes: number;
}

/** Offsets are in UTF-16 units of the text; `[start, end)` spans key and value, without the comma and the space around. */
export interface Member {
  readonly key: string;
  readonly start: number;
  readonly end: number;
  readonly valueStart: number;
}

export type BodyProblem =
  | "invalid_utf8"
  | "byte_order_mark"
  | "syntax"
  | "not_an_object"
  | "too_deep"
  | "too_many_values"
  | "duplicate_key";

export type BodyResult =
  | { readonly ok: true; readonly body: ParsedBody }
  | {
      readonly ok: false;
      readonly kind: BodyProblem;
      /** A sentence for the caller; quotes nothing of the body but the name of a duplicate key. */
      readonly problem: string;
      /** Offset in the text (UTF-16 units), where it is known. */
      readonly at: number | undefined;
      /** The key that stands twice. */
      readonly param?: string;
    };

const DEFAULT_MAX_DEPTH = 64;

/**
 * Objects, arrays and members of objects, together. Each takes some 20 to 60 bytes of heap for as little as three bytes of text: a few
 * bodies of `{},{},…` would otherwise fill an isolate.
 */
const MAX_VALUES = 100_000;

/** Refuses what is not UTF-8, and leaves a byte order mark to be seen. Without `stream: true` it keeps nothing between two calls. */
const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads a request body: strict UTF-8 (RFC 8259 §8.1: no byte order mark), an object at the root, no top-level key twice, at most
 * `maxDepth` levels, no more than 100,000 containers and members. One pass over the text finds depth, count, keys and spans, and only
 * then does `JSON.parse` judge the grammar, so hostile nesting never reaches a recursive reader, nor hostile numbers of values the heap.
 */
export function parseBody(
  bytes: Uint8Array,
  limits: { readonly maxDepth: number } = { maxDepth: DEFAULT_MAX_DEPTH },
): BodyResult {
  let text: string;
  try {
    text = strictDecoder.decode(bytes);
  } catch {
    return refuse("invalid_utf8", "The request body is not valid UTF-8.", undefined);
  }
  if (text.charCodeAt(0) === 0xfeff) {
    return refuse("byte_order_mark", "The request body starts with a byte order mark, which JSON does not allow.", 0);
  }
  const scan = new Scanner(text, limits.maxDepth);
  const problem = scan.run();
  if (problem) return problem;
  let value: Value;
  try {
    value = JSON.parse(text) as Value;
  } catch (error) {
    return refuse("syntax", "The request body is not valid JSON.", positionOf(error));
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return refuse("not_an_object", "The request body must be a JSON object.", 0);
  }
  return { ok: true, body: { text, value: value as ObjectValue, members: scan.members, bytes: bytes.byteLength } };
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** Trusts nothing of the grammar: what it finds is used only after `JSON.parse` has accepted the same text. */
class Scanner {
  readonly members: Member[] = [];
  private readonly keys = new Set<string>();
  private readonly text: string;
  private readonly maxDepth: number;
  private keyStart = -1;
  private keyEnd = -1;
  private valueStart = -1;

  constructor(text: string, maxDepth: number) {
    this.text = text;
    this.maxDepth = maxDepth;
  }

  run(): Exclude<BodyResult, { ok: true }> | undefined {
    const { text, maxDepth } = this;
    let depth = 0;
    let values = 0;
    for (let i = 0; i < text.length; i++) {
      const char = text.charCodeAt(i);
      if (char === QUOTE) {
        const end = closingQuote(text, i + 1);
        if (end === -1) return refuse("syntax", "The request body is not valid JSON: a string does not end.", i);
        if (depth === 1 && this.keyStart === -1) {
          this.keyStart = i;
          this.keyEnd = end;
        }
        i = end;
      } else if (char === OPEN_BRACE || char === OPEN_BRACKET) {
        if (++depth > maxDepth) {
          return refuse("too_deep", `The request body is nested deeper than ${maxDepth} levels.`, i);
        }
        if (++values > MAX_VALUES) return tooManyValues(i);
      } else if (char === CLOSE_BRACE || char === CLOSE_BRACKET) {
        if (depth-- === 1) {
          const twice = this.endMember(i);
          if (twice) return twice;
        }
      } else if (char === COLON) {
        if (depth === 1) this.valueStart = i + 1;
        if (++values > MAX_VALUES) return tooManyValues(i);
      } else if (char === COMMA && depth === 1) {
        const twice = this.endMember(i);
        if (twice) return twice;
      }
    }
    return undefined;
  }

  private endMember(separator: number): Exclude<BodyResult, { ok: true }> | undefined {
    const { text, keyStart, keyEnd } = this;
    if (keyStart === -1) return undefined;
    this.keyStart = -1;
    const key = unescapeKey(text.slice(keyStart, keyEnd + 1));
    if (key === undefined) return undefined; // not JSON: the parser will say so
    if (this.keys.has(key)) {
      const name = key.slice(0, 64);
      return {
        ...refuse("duplicate_key", `The request body has the field ${JSON.stringify(name)} twice.`, keyStart),
        param: name,
      };
    }
    this.keys.add(key);
    let valueStart = this.valueStart;
    let end = separator;
    while (isSpace(text.charCodeAt(valueStart))) valueStart++;
    while (isSpace(text.charCodeAt(end - 1))) end--;
    this.members.push({ key, start: keyStart, end, valueStart });
    return undefined;
  }
}

/** The index of the quote that ends the string whose content starts at `from`; -1 where none does. */
function closingQuote(text: string, from: number): number {
  for (let quote = text.indexOf('"', from); quote !== -1; quote = text.indexOf('"', quote + 1)) {
    let slashes = quote;
    while (slashes > from && text.charCodeAt(slashes - 1) === BACKSLASH) slashes--;
    if ((quote - slashes) % 2 === 0) return quote;
  }
  return -1;
}

function unescapeKey(quoted: string): string | undefined {
  if (!quoted.includes("\\")) return quoted.slice(1, -1);
  try {
    return JSON.parse(quoted) as string;
  } catch {
    return undefined;
  }
}

function isSpace(char: number): boolean {
  return char === 0x20 || char === 0x0a || char === 0x0d || char === 0x09;
}

/** V8 names the offset in its message; the rest of that message quotes the input and is not used. */
function positionOf(error: unknown): number | undefined {
  const position = error instanceof Error ? /at position (\d+)/.exec(error.message)?.[1] : undefined;
  return position === undefined ? undefined : Number(position);
}

function tooManyValues(at: number) {
  return refuse("too_many_values", `The request body has more than ${MAX_VALUES} objects, arrays and fields.`, at);
}

function refuse(kind: BodyProblem, problem: string, at: number | undefined) {
  return { ok: false, kind, problem, at } as const;
}

/** `json: undefined` removes the member; a key that the body does not have is appended. */
export interface Patch {
  readonly key: string;
  readonly json: string | undefined;
}

/**
 * The body's text with some top-level members replaced, removed or appended. Everything else stays as it was written, byte for
 * byte: unknown fields, the digits of numbers, white space. `json` must be JSON text.
 */
export function patchBody(body: Pick<ParsedBody, "text" | "members">, patches: readonly Patch[]): string {
  const { text, members } = body;
  const pending = new Map(patches.map((patch) => [patch.key, patch.json]));
  let out = "";
  let copied = 0;
  let kept = 0;
  for (const [i, member] of members.entries()) {
    if (!pending.has(member.key)) {
      kept++;
      continue;
    }
    const json = pending.get(member.key);
    pending.delete(member.key);
    if (json !== undefined) {
      kept++;
      out += text.slice(copied, member.valueStart) + json;
      copied = member.end;
    } else if (kept > 0) {
      // The comma before goes with the member.
      out += text.slice(copied, Math.max(copied, members[i - 1]?.end ?? 0));
      copied = member.end;
    } else {
      // The first that is kept must not be preceded by a comma: the one behind goes with the member.
      out += text.slice(copied, member.start);
      copied = members[i + 1]?.start ?? member.end;
    }
  }
  const last = members.at(-1);
  const tail = last ? Math.max(copied, last.end) : text.indexOf("{") + 1;
  out += text.slice(copied, tail);
  for (const [key, json] of pending) {
    if (json === undefined) continue;
    out += `${kept++ > 0 ? "," : ""}${JSON.stringify(key)}:${json}`;
  }
  return out + text.slice(tail);
}
