/**
 * What the tokenizers of known model families spend on kinds of characters, in quarters of a token. The rules are data: for each family the least
 * costs that are above the family's own tokenizer on every text of a corpus, with a margin (3 %, and 8 % more on words, since English and code
 * were most of the corpus). `docs/tokens.md` has the measured error, and the command that measures it.
 */
export interface TokenizerRules {
  /** Factor of what a run of small letters costs. */
  readonly word: number;
  /** Factor of what capitals cost. */
  readonly capital: number;
  /** Factor of what punctuation costs. */
  readonly punctuation: number;
  readonly digit: number;
  /** Factor of what line ends and wider gaps cost. */
  readonly gap: number;
  /** Where letters and digits meet, or a capital stands inside a word: base64, identifiers. */
  readonly joint: number;
  /** Latin letters with marks. */
  readonly marked: number;
  /** Greek, Hebrew, Arabic, and what else is below U+0800. */
  readonly early: number;
  readonly cyrillic: number;
  /** Devanagari to Thai. */
  readonly indic: number;
  readonly kana: number;
  /** Chinese characters, their punctuation, full-width forms. */
  readonly chinese: number;
  readonly hangul: number;
  /** Dashes and quotes. */
  readonly dash: number;
  /** What takes four bytes: emoji, rare characters. */
  readonly astral: number;
  readonly other: number;
  /** True where no count may be below a quarter of the bytes: for models of which nothing is known. */
  readonly byteFloor: boolean;
}

/** `mistral`: the first one, of 32,000 tokens. `claude`: the last that was published, and a third on top, because the later ones are not. */
export const TOKENIZER_FAMILIES = [
  "cl100k",
  "o200k",
  "llama3",
  "qwen",
  "deepseek",
  "gemma",
  "mistral",
  "claude",
  "other",
] as const;

export type TokenizerFamily = (typeof TOKENIZER_FAMILIES)[number];

export const TOKENIZERS: Readonly<Record<TokenizerFamily, TokenizerRules>> = {
  cl100k: {
    word: 0.98,
    capital: 1.16,
    punctuation: 0.43,
    digit: 3.96,
    gap: 0.99,
    joint: 0.75,
    marked: 9.07,
    early: 8.49,
    cyrillic: 2.75,
    indic: 8,
    kana: 4.42,
    chinese: 4.74,
    hangul: 4.92,
    dash: 8.24,
    astral: 8.24,
    other: 8.45,
    byteFloor: false,
  },
  o200k: {
    word: 0.9,
    capital: 1.24,
    punctuation: 0.51,
    digit: 3.88,
    gap: 0.93,
    joint: 0.18,
    marked: 4.36,
    early: 2.52,
    cyrillic: 1.44,
    indic: 1.86,
    kana: 2.96,
    chinese: 3.19,
    hangul: 2.87,
    dash: 8.24,
    astral: 8.24,
    other: 6.18,
    byteFloor: false,
  },
  llama3: {
    word: 0.98,
    capital: 1.16,
    punctuation: 0.43,
    digit: 3.96,
    gap: 0.99,
    joint: 0.73,
    marked: 9.07,
    early: 7.29,
    cyrillic: 2.17,
    indic: 7.98,
    kana: 2.74,
    chinese: 3.2,
    hangul: 2.87,
    dash: 8.24,
    astral: 8.24,
    other: 8.43,
    byteFloor: false,
  },
  qwen: {
    word: 0.98,
    capital: 0.84,
    punctuation: 0.55,
    digit: 5.4,
    gap: 0.77,
    joint: 1.54,
    marked: 9.07,
    early: 4.32,
    cyrillic: 2.34,
    indic: 6.99,
    kana: 2.57,
    chinese: 2.39,
    hangul: 3.27,
    dash: 8.24,
    astral: 8.24,
    other: 6.18,
    byteFloor: false,
  },
  deepseek: {
    word: 1.05,
    capital: 0.72,
    punctuation: 0.43,
    digit: 3.76,
    gap: 1.07,
    joint: 2.06,
    marked: 3.79,
    early: 2.78,
    cyrillic: 2.04,
    indic: 3.96,
    kana: 2.86,
    chinese: 2.13,
    hangul: 3.32,
    dash: 8.01,
    astral: 8.24,
    other: 6.18,
    byteFloor: false,
  },
  gemma: {
    word: 1.01,
    capital: 0.59,
    punctuation: 0.58,
    digit: 5.36,
    gap: 1.33,
    joint: 1.95,
    marked: 2.52,
    early: 2.21,
    cyrillic: 1.76,
    indic: 1.86,
    kana: 2.05,
    chinese: 2.64,
    hangul: 2.46,
    dash: 4.12,
    astral: 8.24,
    other: 6.18,
    byteFloor: false,
  },
  mistral: {
    word: 1.21,
    capital: 0.7,
    punctuation: 0.48,
    digit: 6.92,
    gap: 1.34,
    joint: 1.93,
    marked: 9.07,
    early: 4.63,
    cyrillic: 1.85,
    indic: 9.81,
    kana: 4.76,
    chinese: 4.48,
    hangul: 6,
    dash: 4.12,
    astral: 8.24,
    other: 6.18,
    byteFloor: false,
  },
  claude: {
    word: 1.59,
    capital: 0.98,
    punctuation: 0.53,
    digit: 5.48,
    gap: 1.21,
    joint: 2.31,
    marked: 11.89,
    early: 10.75,
    cyrillic: 3.25,
    indic: 16.1,
    kana: 5.89,
    chinese: 5.59,
    hangul: 7,
    dash: 10.8,
    astral: 10.8,
    other: 15.76,
    byteFloor: false,
  },
  /** Nothing is known: as the family that spends most, near enough for all of them. */
  other: {
    word: 1,
    capital: 1,
    punctuation: 1,
    digit: 4,
    gap: 1,
    joint: 0,
    marked: 4,
    early: 5,
    cyrillic: 3,
    indic: 6,
    kana: 5,
    chinese: 6,
    hangul: 6,
    dash: 5,
    astral: 12,
    other: 9,
    byteFloor: true,
  },
};
