/**
 * The simulator's fixed tokenizer rule. A token is the longest run of code points that fits into four UTF-8 bytes, taken greedily from the start.
 *
 * It is exact and reproducible from outside, and a prefix of whole tokens always splits into those same tokens, so cutting an answer at
 * `max_tokens` leaves a text of exactly `max_tokens` tokens.
 */
const BYTES_PER_TOKEN = 4;

/** What the chat template of a simulated model costs for each message, in tokens. */
export const TOKENS_PER_MESSAGE = 3;

function utf8Bytes(codePoint: number): number {
  if (codePoint < 0x80) return 1;
  if (codePoint < 0x800) return 2;
  return codePoint < 0x10000 ? 3 : 4;
}

/** Splits a text into its simulated tokens; joined they give the text back, and none ends inside a code point. */
export function splitIntoTokens(text: string): string[] {
  const tokens: string[] = [];
  let start = 0;
  let bytes = 0;
  for (let index = 0; index < text.length; ) {
    const codePoint = text.codePointAt(index) ?? 0;
    const width = utf8Bytes(codePoint);
    if (bytes + width > BYTES_PER_TOKEN) {
      tokens.push(text.slice(start, index));
      start = index;
      bytes = 0;
    }
    bytes += width;
    index += codePoint > 0xffff ? 2 : 1;
  }
  if (start < text.length) tokens.push(text.slice(start));
  return tokens;
}

/** Counts a text's simulated tokens: `splitIntoTokens(text).length` without the strings. The empty text has none. */
export function simulatedTokens(text: string): number {
  let tokens = 0;
  let room = 0;
  for (let index = 0; index < text.length; ) {
    const codePoint = text.codePointAt(index) ?? 0;
    const width = utf8Bytes(codePoint);
    if (width > room) {
      tokens += 1;
      room = BYTES_PER_TOKEN;
    }
    room -= width;
    index += codePoint > 0xffff ? 2 : 1;
  }
  return tokens;
}

/** A prompt reduced to what the simulator looks at, whatever format it came in. */
export interface Prompt {
  /** Every text of the prompt in order, one entry a text part. */
  readonly texts: readonly string[];
  /** How many messages the texts stand in; 0 for a bare prompt without a chat template. */
  readonly messages: number;
  /** The tools as sent, serialised; empty when there are none. */
  readonly toolsJson: string;
}

/** Prompt tokens: three a message, plus each text part counted alone, plus the serialised tools. */
export function promptTokens(prompt: Prompt): number {
  let tokens = prompt.messages * TOKENS_PER_MESSAGE + simulatedTokens(prompt.toolsJson);
  for (const text of prompt.texts) tokens += simulatedTokens(text);
  return tokens;
}
