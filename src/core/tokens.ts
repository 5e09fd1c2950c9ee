import {
  ASTRAL,
  BREAK,
  CAPITAL,
  CYRILLIC,
  DIGIT,
  isHighSurrogate,
  isLowSurrogate,
  isSmall,
  kindOf,
  NOTHING,
  PUNCTUATION,
  SCRIPT_NAMES,
  SCRIPTS,
  SMALL_CONSONANT,
  SMALL_VOWEL,
  SPACE,
  scriptOf,
} from "./characters.ts";
import { type Body, type ChatDraft, type ContentBlock, type Draft, isGenerative } from "./draft.ts";
import { TOKENIZERS, type TokenizerFamily } from "./tokenizers.ts";

/**
 * How many tokens a text takes, before any backend has counted: an upper bound that a reservation can stand on, tight enough not to
 * refuse what would fit. No tokenizer is at hand (each model has its own, of megabytes), so two bounds are taken in one pass, and the larger one counts.
 *
 * 1. Bytes: four UTF-8 bytes a token, and for a character of w bytes w - 1 more, because a token does not end inside a character.
 *    Never below ceil(bytes / 4), nor below the simulated backend's greedy rule.
 * 2. Shapes, in quarters of a token: a word is one token for its first four letters and a quarter for each further one (a half beyond
 *    eight); a cluster of three or more consonants and a run of capitals break into smaller pieces; a digit is one token, as
 *    Qwen, Mistral and Gemma count (others take up to three); punctuation is one, a repeated sign a quarter; the space before a word is part of it, line ends and
 *    wider gaps are one; other scripts by what byte-pair tokenizers spend on a character of theirs.
 *
 * These are the costs for a model of which nothing is known; a known family has its own (tokenizers.ts), and no bound by bytes. docs/tokens.md has what was measured.
 * Text made to be dense (random letters) can take up to half as much again as is said here; settlement charges what the backend counted.
 */
export function estimateTextTokens(text: string, family: TokenizerFamily = "other"): number {
  const rules = TOKENIZERS[family];
  const { length } = text;
  const scripts = SCRIPTS.fill(0);
  let words = 0;
  let capitals = 0;
  let punctuation = 0;
  let digits = 0;
  let gaps = 0;
  let joints = 0;
  let previous = NOTHING;
  /** Spaces since the last character that is none. */
  let gap = 0;
  for (let index = 0; index < length; index++) {
    const code = text.charCodeAt(index);
    const kind = kindOf(code);
    if (kind === SPACE) {
      gap++;
      continue;
    }
    if (gap > 0) {
      gaps += gap > 1 ? 4 : kind <= CAPITAL ? 0 : 1;
      previous = SPACE;
      gap = 0;
    }
    if (kind === SMALL_VOWEL || kind === SMALL_CONSONANT) {
      const end = endOfWord(text, index + 1);
      words += wordQuarters(text, index, end, previous === CAPITAL);
      if (previous === DIGIT) joints++;
      index = end - 1;
    } else if (kind === CAPITAL) {
      capitals += previous === CAPITAL ? 3 : 4;
      if (previous === DIGIT || isSmall(previous)) joints++;
    } else if (kind === PUNCTUATION) {
      punctuation += previous !== PUNCTUATION ? 4 : code === text.charCodeAt(index - 1) ? 1 : 3;
    } else if (kind === DIGIT) {
      digits++;
      if (previous === CAPITAL || isSmall(previous)) joints++;
    } else if (kind === BREAK) {
      gaps += previous === BREAK ? 1 : 4;
    } else if (isHighSurrogate(code) && isLowSurrogate(text.charCodeAt(index + 1))) {
      index++;
      scripts[ASTRAL] = (scripts[ASTRAL] ?? 0) + 1;
    } else {
      const script = scriptOf(code);
      scripts[script] = (scripts[script] ?? 0) + 1;
    }
    previous = kind;
  }
  if (gap > 0) gaps += gap > 1 ? 4 : 1;
  let quarters =
    words * rules.word +
    capitals * rules.capital +
    punctuation * rules.punctuation +
    digits * rules.digit +
    gaps * rules.gap +
    joints * rules.joint;
  /** UTF-8 bytes beyond one a UTF-16 unit, and what unfinished tokens waste. */
  let beyond = 0;
  for (let script = 0; script < scripts.length; script++) {
    const characters = scripts[script] ?? 0;
    if (characters === 0) continue;
    quarters += characters * rules[SCRIPT_NAMES[script] ?? "other"];
    beyond += characters * (script <= CYRILLIC ? 2 : script === ASTRAL ? 5 : 4);
  }
  return Math.ceil((rules.byteFloor ? Math.max(quarters, length + beyond) : quarters) / 4);
}

/** Behind the last small letter of the run that holds `index - 1`. */
function endOfWord(text: string, index: number): number {
  let end = index;
  while (end < text.length && kindOf(text.charCodeAt(end)) <= SMALL_CONSONANT) end++;
  return end;
}

/** What a run of small letters costs; behind a capital it is the rest of that capital's word. */
function wordQuarters(text: string, start: number, end: number, capitalised: boolean): number {
  const letters = end - start + (capitalised ? 1 : 0);
  let quarters = (capitalised ? 0 : 4) + Math.max(0, letters - 4) + Math.max(0, letters - 8);
  let consonants = 0;
  for (let index = start; index < end; index++) {
    consonants = kindOf(text.charCodeAt(index)) === SMALL_CONSONANT ? consonants + 1 : 0;
    if (consonants >= 3) quarters += 2;
  }
  return quarters;
}

/**
 * The most input tokens that a request is expected to take: its texts, what each message costs around them, tools and schemas, and the
 * members that a draft has no words for, read from the `body` where it is given. Of several `families` the one that counts most decides;
 * each is a pass over the text.
 */
export function estimateInputTokens(
  draft: Draft,
  body?: Body,
  families: readonly TokenizerFamily[] = ["other"],
): number {
  let most = 0;
  for (const family of families)
    most = Math.max(
      most,
      inputTokens(draft, body, (text) => estimateTextTokens(text, family)),
    );
  return most;
}

/** Counts one text. */
type Count = (text: string) => number;

function inputTokens(draft: Draft, body: Body | undefined, count: Count): number {
  const unread = body === undefined ? 0 : unreadTokens(draft, body, count);
  switch (draft.operation) {
    case "chat":
      return TOKENS_PER_REQUEST + unread + wishTokens(draft, count) + messageTokens(draft, count);
    case "tokenize":
      return TOKENS_PER_REQUEST + unread + wishTokens(draft.chat, count) + messageTokens(draft.chat, count);
    case "complete":
      return unread + listTokens(draft.prompts, count) + (draft.suffix === undefined ? 0 : count(draft.suffix));
    case "embed":
      return unread + listTokens(draft.inputs, count);
    case "rerank":
      // Each document is read beside the query.
      return (
        unread + listTokens(draft.documents, count) + draft.documents.length * (count(draft.query) + TOKENS_PER_INPUT)
      );
  }
}

function listTokens(inputs: readonly (string | readonly number[])[], count: Count): number {
  let tokens = 0;
  for (const input of inputs) tokens += (typeof input === "string" ? count(input) : input.length) + TOKENS_PER_INPUT;
  return tokens;
}

/** UTF-8 bytes of a text, without encoding it. A lone surrogate becomes U+FFFD, three bytes. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code < 0x80) continue;
    if (code < 0x800) bytes += 1;
    else if (isHighSurrogate(code) && isLowSurrogate(text.charCodeAt(index + 1))) {
      bytes += 2;
      index++;
    } else bytes += 2;
  }
  return bytes;
}

/** Role, separators and template marks: 3 to 5 in the chat templates of Llama 3, Qwen and OpenAI. */
const TOKENS_PER_MESSAGE = 6;
/** The opening of the answer, and a default system prompt's frame. */
const TOKENS_PER_REQUEST = 8;
/** The marks around one embedded text. */
const TOKENS_PER_INPUT = 2;
/** More than an image costs at the providers' usual sizes; its base64 is no text. */
const TOKENS_PER_IMAGE = 4_096;
/** A file that is elsewhere: nobody knows its length here. */
const TOKENS_PER_FILE = 16_384;
/** The marks around a tool call or its result, and its id. */
const TOKENS_PER_CALL = 12;
/** What templates say of tools in general; Anthropic counts up to some 350 for it. */
const TOKENS_FOR_TOOLS = 360;
/** The names of a tool's fields. */
const TOKENS_PER_TOOL = 24;

function messageTokens(draft: ChatDraft, count: Count): number {
  let tokens = 0;
  for (const message of draft.messages) {
    tokens += TOKENS_PER_MESSAGE + (message.name === undefined ? 0 : count(message.name));
    for (const block of message.content) tokens += blockTokens(block, count);
  }
  return tokens;
}

function blockTokens(block: ContentBlock, count: Count): number {
  switch (block.type) {
    case "text":
    case "refusal":
    case "reasoning":
      return count(block.text);
    case "redacted-reasoning":
      return count(block.data);
    case "image":
      return TOKENS_PER_IMAGE;
    case "file":
      return block.source.kind === "base64" ? Math.ceil(block.source.data.length / 4) : TOKENS_PER_FILE;
    case "tool-call":
      return TOKENS_PER_CALL + count(block.name) + count(block.json);
    case "tool-result":
      return block.content.reduce((sum, part) => sum + blockTokens(part, count), TOKENS_PER_CALL);
    case "other":
      return block.kind.includes("image") ? TOKENS_PER_IMAGE : count(JSON.stringify(block.data));
  }
}

/** Tools and the form of the answer, as a prompt template spells them out: their JSON, and the marks around it. */
function wishTokens({ tools, responseFormat }: ChatDraft, count: Count): number {
  let tokens = tools === undefined ? 0 : TOKENS_FOR_TOOLS;
  for (const { name, description, schema } of tools ?? []) {
    tokens += TOKENS_PER_TOOL + count(name) + count(JSON.stringify(schema));
    // As JSON, in which a line end or a quote takes two characters.
    if (description !== undefined) tokens += count(JSON.stringify(description));
  }
  if (responseFormat?.kind !== "json-schema") return tokens;
  const { description = "", schema } = responseFormat;
  return tokens + TOKENS_PER_TOOL + count(description) + count(JSON.stringify(schema));
}

/** Members of the body that the draft names but does not hold; of those that it names a part of (`tools[1]`), the whole. Messages are never unread. */
function unreadTokens(draft: Draft, body: Body, count: Count): number {
  const asked = draft.operation === "tokenize" ? draft.chat : draft;
  const fields = [...asked.unknownFields, ...(isGenerative(asked) ? asked.untranslatable : [])];
  if (fields.length === 0) return 0;
  const names = new Set(fields.map((field) => field.split(/[.[]/, 1)[0] ?? field));
  for (const read of ["messages", "system", "input"]) names.delete(read);
  if (names.size === 0) return 0;
  return body.members
    .filter((member) => names.has(member.key))
    .reduce((sum, member) => sum + count(body.text.slice(member.start, member.end)), 0);
}
