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
  SPACE,
  scriptOf,
} from "./characters.ts";
import type { TokenizerRules } from "./tokenizers.ts";

/** What decides how many tokens a text takes, and is the same for all tokenizers: in quarters of a token, digits, joints and scripts in characters. */
export interface Shapes {
  /** UTF-16 units. */
  readonly length: number;
  readonly words: number;
  readonly capitals: number;
  readonly punctuation: number;
  readonly digits: number;
  readonly gaps: number;
  readonly joints: number;
  /** By their place in `SCRIPT_NAMES`. */
  readonly scripts: Uint32Array;
}

/** Reads a text once. Its scripts hold until the next text is read. */
export function shapesOf(text: string): Shapes {
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
    if (isSmall(kind)) {
      if (previous === DIGIT) joints++;
      // A run of small letters to its end; behind a capital it is the rest of that capital's word.
      const start = previous === CAPITAL ? index - 1 : index;
      let consonants = 0;
      for (let letter = kind; isSmall(letter); letter = index < length ? kindOf(text.charCodeAt(index)) : NOTHING) {
        consonants = letter === SMALL_CONSONANT ? consonants + 1 : 0;
        if (consonants >= 3) words += 2;
        index++;
      }
      const letters = index - start;
      words += (previous === CAPITAL ? 0 : 4) + Math.max(0, letters - 4) + Math.max(0, letters - 8);
      index--;
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
  return { length, words, capitals, punctuation, digits, gaps, joints, scripts };
}

/** What a text of such shapes costs by a family's rules, rounded up. */
export function tokensOf(shapes: Shapes, rules: TokenizerRules): number {
  const { scripts } = shapes;
  let quarters =
    shapes.words * rules.word +
    shapes.capitals * rules.capital +
    shapes.punctuation * rules.punctuation +
    shapes.digits * rules.digit +
    shapes.gaps * rules.gap +
    shapes.joints * rules.joint;
  /** UTF-8 bytes, and what unfinished tokens waste: four are a token. */
  let bytes = shapes.length;
  for (let script = 0; script < scripts.length; script++) {
    const characters = scripts[script] ?? 0;
    if (characters === 0) continue;
    quarters += characters * rules[SCRIPT_NAMES[script] ?? "other"];
    bytes += characters * (script <= CYRILLIC ? 2 : script === ASTRAL ? 5 : 4);
  }
  return Math.ceil((rules.byteFloor ? Math.max(quarters, bytes) : quarters) / 4);
}
