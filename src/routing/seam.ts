/** Where a text that broke off is picked up: the next backend is given `prefix`, and must begin with `overlap`, which the caller has already. */
export interface Seam {
  readonly prefix: string;
  readonly overlap: string;
}

/** An overlap of this many characters is a coincidence seldom enough, and short enough for another sampling of the model to say it again. */
const MIN_OVERLAP = 6;
/** Beyond this, no further place is looked for. */
const MAX_OVERLAP = 160;
/** Characters of a token, mostly. */
const LONGEST_PIECE = 16;
/** So much is asked for again where nothing better is found. */
const MAX_REPEATED = 4 * MAX_OVERLAP;
/** Pieces (tokens, mostly) whose places are remembered; more than `MAX_OVERLAP` characters can hold. */
const PIECES_KEPT = 192;

/** What the caller has been told so far, and in which pieces it came. */
export class SentText {
  #text = "";
  #starts: number[] = [];

  get length(): number {
    return this.#text.length;
  }

  get text(): string {
    return this.#text;
  }

  add(piece: string): void {
    if (piece === "") return;
    this.#starts.push(this.#text.length);
    if (this.#starts.length > 2 * PIECES_KEPT) this.#starts = this.#starts.slice(-PIECES_KEPT);
    this.#text += piece;
  }

  /**
   * The latest place at which a wrong continuation shows: one that repeats what came before the overlap, drops the beginning of it, or begins the
   * whole answer anew does not begin with the overlap. Nor does the prefix end in white space, which some servers cut off or refuse. Where a short text has
   * no such place the prefix is empty: the whole answer is asked for again, and all that was told is the overlap. A long one then has no seam.
   */
  seam(): Seam | undefined {
    const text = this.#text;
    const starts = this.#starts.length > 1 ? this.#starts : wordStarts(text);
    for (let index = starts.length - 1; index > 0; index--) {
      const at = text.slice(0, starts[index]).trimEnd().length;
      if (text.length - at < MIN_OVERLAP) continue;
      if (text.length - at > MAX_OVERLAP) break;
      if (shows(text, at)) return { prefix: text.slice(0, at), overlap: text.slice(at) };
    }
    return text.length <= MAX_REPEATED ? { prefix: "", overlap: text } : undefined;
  }
}

/** Whether an overlap from `at` on tells a right continuation from the wrong ones, whatever the length of the piece that is repeated or dropped. */
function shows(text: string, at: number): boolean {
  if (at === 0 || isLowSurrogate(text.charCodeAt(at))) return false;
  const overlap = text.slice(at);
  if (text.startsWith(overlap)) return false;
  for (let length = 1; length <= LONGEST_PIECE; length++) {
    if (length <= at && text.startsWith(overlap, at - length)) return false;
    if (length < overlap.length && overlap.startsWith(overlap.slice(length))) return false;
  }
  return true;
}

/** Places to cut a text that came in one piece: before its last words. */
function wordStarts(text: string): number[] {
  const from = Math.max(0, text.length - 2 * MAX_OVERLAP);
  return [0, ...Array.from(text.slice(from).matchAll(/\s+\S/g), ({ index }) => from + index).filter((at) => at > 0)];
}

const isLowSurrogate = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff;

/** Takes the overlap off a continuation as it comes. `undefined`: it is not what the caller has been told. */
export class SeamCheck {
  readonly #overlap: string;
  #matched = 0;

  constructor(overlap: string) {
    this.#overlap = overlap;
  }

  get passed(): boolean {
    return this.#matched === this.#overlap.length;
  }

  /** What of `piece` is new to the caller. */
  take(piece: string): string | undefined {
    const left = this.#overlap.length - this.#matched;
    const repeated = piece.slice(0, left);
    if (!this.#overlap.startsWith(repeated, this.#matched)) return undefined;
    this.#matched += repeated.length;
    return piece.slice(left);
  }
}
