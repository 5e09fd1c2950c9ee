import type { TokenizerRules } from "./tokenizers.ts";

/** Before the first character of a text. */
export const NOTHING = -1;
/** The kinds of characters; those that a single space before them belongs to come first. */
export const SMALL_VOWEL = 0;
export const SMALL_CONSONANT = 1;
export const CAPITAL = 2;
export const SPACE = 3;
/** Line ends, tabs and control characters. */
export const BREAK = 4;
export const DIGIT = 5;
export const PUNCTUATION = 6;
const BEYOND_ASCII = 7;

const KINDS: Uint8Array = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code);
  if (character === " ") return SPACE;
  if (code < 32 || code === 127) return BREAK;
  if ("aeiouy".includes(character)) return SMALL_VOWEL;
  if (character >= "a" && character <= "z") return SMALL_CONSONANT;
  if (character >= "A" && character <= "Z") return CAPITAL;
  return character >= "0" && character <= "9" ? DIGIT : PUNCTUATION;
});

export const kindOf = (code: number): number => KINDS[code] ?? BEYOND_ASCII;

/** Scripts outside ASCII, by what their characters cost; those of two bytes come first. */
export const SCRIPT_NAMES = [
  "marked",
  "early",
  "cyrillic",
  "indic",
  "kana",
  "chinese",
  "hangul",
  "dash",
  "other",
  "astral",
] as const satisfies readonly (keyof TokenizerRules)[];
const MARKED = 0;
const EARLY = 1;
export const CYRILLIC = 2;
const INDIC = 3;
const KANA = 4;
const CHINESE = 5;
const HANGUL = 6;
const DASH = 7;
const OTHER = 8;
export const ASTRAL = 9;

/** Used by one estimate at a time, and emptied by it. */
export const SCRIPTS = new Uint32Array(SCRIPT_NAMES.length);

export function scriptOf(code: number): number {
  if (code < 0x250) return MARKED;
  if (code < 0x800) return code >= 0x400 && code < 0x500 ? CYRILLIC : EARLY;
  if (code >= 0x900 && code < 0xe80) return INDIC;
  if (code >= 0x2010 && code < 0x2030) return DASH;
  if (code >= 0x3040 && code < 0x3100) return KANA;
  if ((code >= 0x3000 && code < 0xa000) || (code >= 0xff00 && code < 0xfff0)) return CHINESE;
  return code >= 0xac00 && code < 0xd7b0 ? HANGUL : OTHER;
}

export const isSmall = (kind: number): boolean => kind === SMALL_VOWEL || kind === SMALL_CONSONANT;
export const isHighSurrogate = (code: number): boolean => (code & 0xfc00) === 0xd800;
export const isLowSurrogate = (code: number): boolean => (code & 0xfc00) === 0xdc00;
