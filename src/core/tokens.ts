import { type Body, type ChatDraft, type ContentBlock, type Draft, unreadMembers } from "./draft.ts";
import { shapesOf, tokensOf } from "./shapes.ts";
import { TOKENIZERS, type TokenizerFamily, type TokenizerRules } from "./tokenizers.ts";

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
  return tokensOf(shapesOf(text), TOKENIZERS[family]);
}

/** What the parts of one request come to, by the rules of several families at once: each text is read once, and weighed once for each of them. */
class Tally {
  /** What costs the same for every family. */
  #common = 0;
  readonly #families: readonly { readonly rules: TokenizerRules; tokens: number }[];

  constructor(families: readonly TokenizerFamily[]) {
    this.#families = families.map((family) => ({ rules: TOKENIZERS[family], tokens: 0 }));
  }

  add(tokens: number): void {
    this.#common += tokens;
  }

  /** A text that the model reads so many `times`. */
  count(text: string, times = 1): void {
    const shapes = shapesOf(text);
    for (const family of this.#families) family.tokens += times * tokensOf(shapes, family.rules);
  }

  /** By the family that counts most. */
  get most(): number {
    let most = 0;
    for (const { tokens } of this.#families) most = Math.max(most, tokens);
    return this.#common + most;
  }
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

/**
 * The most input tokens that a request is expected to take: its texts, what each message costs around them, tools and schemas, and the
 * members that a draft has no words for, read from the `body` where it is given. Of several `families` the one that counts most decides;
 * without any, the rules for models of which nothing is known.
 */
export function estimateInputTokens(draft: Draft, body?: Body, families: readonly TokenizerFamily[] = []): number {
  // None at all would reserve nothing.
  const tally = new Tally(families.length > 0 ? families : ["other"]);
  if (body !== undefined) takeUnread(draft, body, tally);
  switch (draft.operation) {
    case "chat":
      takeChat(draft, tally);
      break;
    case "tokenize":
      takeChat(draft.chat, tally);
      break;
    case "complete":
      takeInputs(draft.prompts, tally);
      if (draft.suffix !== undefined) tally.count(draft.suffix);
      break;
    case "embed":
      takeInputs(draft.inputs, tally);
      break;
    case "rerank":
      takeInputs(draft.documents, tally);
      // Each document is read beside the query.
      tally.count(draft.query, draft.documents.length);
      tally.add(draft.documents.length * TOKENS_PER_INPUT);
      break;
  }
  return tally.most;
}

function takeInputs(inputs: readonly (string | readonly number[])[], tally: Tally): void {
  for (const input of inputs) {
    tally.add(TOKENS_PER_INPUT);
    if (typeof input === "string") tally.count(input);
    else tally.add(input.length);
  }
}

function takeChat(draft: ChatDraft, tally: Tally): void {
  tally.add(TOKENS_PER_REQUEST);
  takeWishes(draft, tally);
  for (const message of draft.messages) {
    tally.add(TOKENS_PER_MESSAGE);
    if (message.name !== undefined) tally.count(message.name);
    for (const block of message.content) takeBlock(block, tally);
  }
}

function takeBlock(block: ContentBlock, tally: Tally): void {
  switch (block.type) {
    case "text":
    case "refusal":
    case "reasoning":
      tally.count(block.text);
      break;
    case "redacted-reasoning":
      tally.count(block.data);
      break;
    case "image":
      tally.add(TOKENS_PER_IMAGE);
      break;
    case "file":
      tally.add(block.source.kind === "base64" ? Math.ceil(block.source.data.length / 4) : TOKENS_PER_FILE);
      break;
    case "tool-call":
      tally.add(TOKENS_PER_CALL);
      tally.count(block.name);
      tally.count(block.json);
      break;
    case "tool-result":
      tally.add(TOKENS_PER_CALL);
      for (const part of block.content) takeBlock(part, tally);
      break;
    case "other":
      if (block.kind.includes("image")) tally.add(TOKENS_PER_IMAGE);
      else tally.count(JSON.stringify(block.data));
      break;
  }
}

/** Tools and the form of the answer, as a prompt template spells them out: their JSON, and the marks around it. */
function takeWishes({ tools, responseFormat }: ChatDraft, tally: Tally): void {
  if (tools !== undefined) tally.add(TOKENS_FOR_TOOLS);
  for (const { name, description, schema } of tools ?? []) {
    tally.add(TOKENS_PER_TOOL);
    tally.count(name);
    tally.count(JSON.stringify(schema));
    // As JSON, in which a line end or a quote takes two characters.
    if (description !== undefined) tally.count(JSON.stringify(description));
  }
  if (responseFormat?.kind !== "json-schema") return;
  tally.add(TOKENS_PER_TOOL);
  if (responseFormat.description !== undefined) tally.count(responseFormat.description);
  tally.count(JSON.stringify(responseFormat.schema));
}

function takeUnread(draft: Draft, body: Body, tally: Tally): void {
  for (const { start, end } of unreadMembers(draft, body)) tally.count(body.text.slice(start, end));
}
