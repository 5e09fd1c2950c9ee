import { hash32 } from "../text/hash.ts";

/**
 * Makes a text that a regular expression accepts: literals, classes, groups, alternatives and quantifiers, which is what schemas use. Look-around and
 * back-references are beyond it; the text is then whatever the rest of the pattern makes.
 */
export function textForPattern(pattern: string, seed: string, fewest: number): string {
  const wanted = new RegExp(pattern, "u");
  for (let attempt = 0; attempt < 16; attempt += 1) {
    const reader = new PatternReader(pattern, `${attempt} ${seed}`, attempt);
    const text = reader.alternatives();
    if ([...text].length >= fewest && wanted.test(text)) return text;
  }
  return "";
}

const DIGITS = "0123456789";
const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const CLASSES: Readonly<Record<string, string>> = {
  d: DIGITS,
  w: `${LETTERS}${DIGITS}_`,
  s: " ",
  D: LETTERS,
  W: "-",
  S: LETTERS,
};
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r" };

class PatternReader {
  private at = 0;
  private choices = 0;
  private readonly pattern: string;
  private readonly seed: string;
  /** How many more repetitions than needed. */
  private readonly generosity: number;

  constructor(pattern: string, seed: string, generosity: number) {
    this.pattern = pattern;
    this.seed = seed;
    this.generosity = generosity;
  }

  private choose(count: number): number {
    this.choices += 1;
    return count === 0 ? 0 : hash32(`${this.choices} ${this.seed}`) % count;
  }

  /** Reads `a|b|c` up to the closing bracket or the end, and writes one of them. */
  alternatives(): string {
    const texts = [this.sequence()];
    while (this.pattern[this.at] === "|") {
      this.at += 1;
      texts.push(this.sequence());
    }
    return texts[this.choose(texts.length)] ?? "";
  }

  private sequence(): string {
    let text = "";
    while (this.at < this.pattern.length && this.pattern[this.at] !== "|" && this.pattern[this.at] !== ")") {
      const start = this.at;
      const once = this.atom();
      const [least, most] = this.quantifier();
      const count = Math.min(most, least + (most > least ? this.choose(2) + this.generosity : 0));
      text += once;
      const end = this.at;
      if (count === 0) text = text.slice(0, text.length - once.length);
      for (let repetition = 1; repetition < count; repetition += 1) {
        this.at = start;
        text += this.atom();
      }
      this.at = end;
    }
    return text;
  }

  private atom(): string {
    const character = String.fromCodePoint(this.pattern.codePointAt(this.at) ?? 0);
    this.at += character.length;
    if (character === "^" || character === "$") return "";
    if (character === ".") return LETTERS[this.choose(LETTERS.length)] ?? "a";
    if (character === "[") return this.characterClass();
    if (character === "\\") return this.oneOf(this.escaped());
    if (character !== "(") return character;
    const prefix = /^\?(?::|<[a-zA-Z]\w*>)/.exec(this.pattern.slice(this.at))?.[0] ?? "";
    this.at += prefix.length;
    const text = this.alternatives();
    this.at += 1;
    return text;
  }

  private oneOf(characters: string): string {
    const list = [...characters];
    return list[this.choose(list.length)] ?? "";
  }

  private escaped(): string {
    const letter = this.pattern[this.at] ?? "";
    this.at += 1;
    if (letter === "b" || letter === "B") return "";
    return CLASSES[letter] ?? ESCAPES[letter] ?? letter;
  }

  private characterClass(): string {
    const isNegated = this.pattern[this.at] === "^";
    if (isNegated) this.at += 1;
    let members = "";
    while (this.at < this.pattern.length && this.pattern[this.at] !== "]") {
      let member = String.fromCodePoint(this.pattern.codePointAt(this.at) ?? 0);
      this.at += member.length;
      if (member === "\\") member = this.escaped();
      const isRange = this.pattern[this.at] === "-" && this.pattern[this.at + 1] !== "]" && [...member].length === 1;
      if (isRange) {
        const last = this.pattern.codePointAt(this.at + 1) ?? 0;
        this.at += 1 + String.fromCodePoint(last).length;
        const first = member.codePointAt(0) ?? 0;
        member = String.fromCodePoint(first, Math.floor((first + last) / 2), last);
        for (let code = first; code <= last && code < first + 128; code += 1) member += String.fromCodePoint(code);
      }
      members += member;
    }
    this.at += 1;
    if (!isNegated) return this.oneOf(members);
    return this.oneOf([...`${LETTERS}${DIGITS} -_`].filter((one) => !members.includes(one)).join(""));
  }

  private quantifier(): readonly [least: number, most: number] {
    const [text = "", least = "", comma, most = ""] = /^\{(\d+)(,)?(\d*)\}/.exec(this.pattern.slice(this.at)) ?? [];
    let range: readonly [number, number] = [1, 1];
    if (text !== "") {
      this.at += text.length;
      range = [Number(least), comma === undefined ? Number(least) : most === "" ? Number(least) + 20 : Number(most)];
    } else {
      const sign = this.pattern[this.at] ?? "";
      if (sign === "*") range = [0, 20];
      else if (sign === "+") range = [1, 20];
      else if (sign === "?") range = [0, 1];
      else return range;
      this.at += 1;
    }
    if (this.pattern[this.at] === "?") this.at += 1;
    return range;
  }
}
