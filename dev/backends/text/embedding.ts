import { hash32 } from "./hash.ts";

/** Dimensions of `simulated-embed` unless the request asks for another number. */
export const DEFAULT_DIMENSIONS = 1024;

/** Function words say little about the meaning, so that sharing them must not make two texts alike. */
const FUNCTION_WORDS = new Set(
  "a an and are as at be by can could do does for from has have how i if in is it its me my of on or please so that the their them this to us was we were what when which who will with would you your".split(
    " ",
  ),
);
const FUNCTION_WORD_WEIGHT = 0.15;
const WORD_WEIGHT = 0.5;
const PAIR_WEIGHT = 0.2;
const TRIGRAM_WEIGHT = 0.3;

/** A rough English stem, so that inflections of one word lie close. */
function stemOf(word: string): string {
  return word.length > 4 ? word.replace(/(ing|ed|es|s|ly|er|or|ions?|e)$/, "").slice(0, 6) : word;
}

function addFeature(vector: Float64Array, feature: string, weight: number): void {
  const hash = hash32(feature);
  // FNV's low bits are its weakest, so position and sign come from a second mix.
  const mixed = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0;
  const index = mixed % vector.length;
  vector[index] = (vector[index] ?? 0) + (mixed & 0x8000_0000 ? -weight : weight);
}

/**
 * A deterministic embedding in which like texts lie close: signed feature hashing of words, their stems, neighbouring
 * stems and character trigrams, scaled to length 1. It knows spelling, not meaning. The empty text gets the unit vector of its own feature.
 */
export function embed(text: string, dimensions: number = DEFAULT_DIMENSIONS): Float32Array {
  const vector = new Float64Array(dimensions);
  const words =
    text
      .normalize("NFKC")
      .toLowerCase()
      .match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
  let previous = "";
  for (const word of words) {
    const weight = FUNCTION_WORDS.has(word) ? FUNCTION_WORD_WEIGHT : 1;
    const stem = stemOf(word);
    addFeature(vector, `stem ${stem}`, weight);
    addFeature(vector, `word ${word}`, weight * WORD_WEIGHT);
    if (previous !== "") addFeature(vector, `pair ${previous} ${stem}`, weight * PAIR_WEIGHT);
    const padded = `^${word}$`;
    for (let index = 0; index + 3 <= padded.length; index += 1) {
      addFeature(vector, `gram ${padded.slice(index, index + 3)}`, (weight * TRIGRAM_WEIGHT) / Math.sqrt(word.length));
    }
    previous = stem;
  }
  if (words.length === 0) addFeature(vector, `raw ${text}`, 1);
  let squares = 0;
  for (const value of vector) squares += value * value;
  // Opposite features can cancel out exactly; a zero vector has no direction, so it gets one of its own.
  if (squares === 0) {
    vector[hash32(text) % dimensions] = 1;
    squares = 1;
  }
  const length = Math.sqrt(squares);
  return Float32Array.from(vector, (value) => value / length);
}
