/**
 * Nearly every frame of a stream is the one before it with another text inside. Once such a frame has been parsed and found to hold nothing but
 * a piece of text, the bytes around that text are a template: a later frame that has the same bytes around a JSON string (and, in formats that count their frames, a number) is proven to be well formed
 * and to hold no finish, usage, error or end, by comparing bytes alone.
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const SPACE = 0x20;
const ZERO = 0x30;
const SEVEN = 0x37;

/** Larger frames are rare and not worth keeping. */
const MAX_TEMPLATE_BYTES = 4096;
/** Text and reasoning of two choices. */
const MAX_TEMPLATES = 4;
/** A stream whose frames never repeat is not learned from for ever. */
const FREE_LESSONS = 8;

interface Template {
  /** The bytes before each of the strings and numbers that may differ, and those behind the last. */
  readonly head: readonly Uint8Array[];
  /** Which of them are numbers. */
  readonly numbers: readonly boolean[];
  readonly tail: Uint8Array;
  /** Whether spaces may stand within the tail, which holds no string (Anthropic pads its frames with them). */
  readonly looseEnd: boolean;
}

export class PlainFrames {
  private readonly templates: Template[] = [];
  private readonly keys: readonly { readonly bytes: Uint8Array; readonly number: boolean }[];
  private lessons = 0;
  private hits = 0;

  /** The names of the strings and of the whole numbers that may differ from frame to frame. */
  constructor(strings: readonly string[], numbers: readonly string[] = []) {
    const named = (number: boolean) => (key: string) => ({ bytes: new TextEncoder().encode(`"${key}":`), number });
    this.keys = [...strings.map(named(false)), ...numbers.map(named(true))];
  }

  /** Whether the frame `bytes[start, end)` is proven to be like one that was learned. */
  matches(bytes: Uint8Array, start = 0, end = bytes.length): boolean {
    for (const template of this.templates) {
      if (fits(bytes, start, end, template)) {
        this.hits++;
        return true;
      }
    }
    return false;
  }

  /** Takes a frame that was parsed and found plain. `isSample` is asked to read the same frame with `x` for each string that may differ, and 7 for each number. */
  learn(raw: Uint8Array, isSample: (sample: Uint8Array) => boolean): void {
    if (raw.length > MAX_TEMPLATE_BYTES || (this.lessons >= FREE_LESSONS && this.hits < this.lessons * 4)) return;
    this.lessons++;
    const holes = this.keys
      .flatMap(({ bytes, number }) => holesBehind(raw, bytes, number))
      .sort((one, other) => one.start - other.start);
    if (holes.every(({ number }) => number)) return;
    const head: Uint8Array[] = [];
    let from = 0;
    for (const { start, end } of holes) {
      head.push(raw.slice(from, start));
      from = end;
    }
    const end = raw.slice(from);
    const looseEnd = end.indexOf(QUOTE, 1) === -1;
    const tail = looseEnd ? end.filter((byte) => byte !== SPACE) : end;
    const template = { head, numbers: holes.map(({ number }) => number), tail, looseEnd };
    // What was taken for the places of the strings is believed only after a parser has seen it.
    if (!isSample(sampleOf(template)) || !fits(raw, 0, raw.length, template)) return;
    this.templates.unshift(template);
    this.templates.length = Math.min(this.templates.length, MAX_TEMPLATES);
  }
}

function fits(raw: Uint8Array, start: number, end: number, { head, numbers, tail, looseEnd }: Template): boolean {
  let at = start;
  let hole = 0;
  for (const segment of head) {
    if (end - at < segment.length) return false;
    for (let i = 0; i < segment.length; i++, at++) if (raw[at] !== segment[i]) return false;
    at = numbers[hole++] ? numberEnd(raw, at, end) : stringEnd(raw, at, end);
    if (at === -1) return false;
  }
  for (let i = 0; i < tail.length; at++) {
    if (at >= end) return false;
    if (raw[at] === tail[i]) i++;
    else if (!looseEnd || raw[at] !== SPACE) return false;
  }
  return at === end;
}

/** The index of the quote that ends the JSON string whose content starts at `from`; -1 where the content up to `to` is not that of a string. */
function stringEnd(raw: Uint8Array, from: number, to: number): number {
  for (let i = from; i < to; i++) {
    const byte = raw[i] ?? 0;
    if (byte === QUOTE) return i;
    if (byte < 0x20) return -1;
    if (byte !== BACKSLASH) continue;
    const escaped = raw[++i];
    if (escaped === 0x75) {
      for (const end = i + 4; i < end; ) if (!isHex(raw[++i])) return -1;
    } else if (!isEscape(escaped)) return -1;
  }
  return -1;
}

/** Behind the last digit of the whole number that starts at `from`; -1 where there is none as JSON writes it. */
function numberEnd(raw: Uint8Array, from: number, to: number): number {
  let end = from;
  while (end < to && isDigit(raw[end])) end++;
  return end === from || (raw[from] === ZERO && end > from + 1) ? -1 : end;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= 0x39;
}

/** `" \ / b f n r t` */
function isEscape(byte: number | undefined): boolean {
  switch (byte) {
    case 0x22:
    case 0x5c:
    case 0x2f:
    case 0x62:
    case 0x66:
    case 0x6e:
    case 0x72:
    case 0x74:
      return true;
    default:
      return false;
  }
}

function isHex(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  const lower = byte | 0x20;
  return (byte >= 0x30 && byte <= 0x39) || (lower >= 0x61 && lower <= 0x66);
}

/** The spans of the strings (or whole numbers) that stand behind `key` in the frame; none where the key is followed by something else. */
function holesBehind(
  raw: Uint8Array,
  key: Uint8Array,
  number: boolean,
): { start: number; end: number; number: boolean }[] {
  const holes: { start: number; end: number; number: boolean }[] = [];
  for (let colon = raw.indexOf(COLON); colon !== -1; colon = raw.indexOf(COLON, colon + 1)) {
    const first = colon - key.length + 1;
    if (first < 0 || !key.every((byte, i) => raw[first + i] === byte)) continue;
    let start = colon + 1;
    while (raw[start] === SPACE) start++;
    if (!number && raw[start++] !== QUOTE) continue;
    const end = number ? numberEnd(raw, start, raw.length) : stringEnd(raw, start, raw.length);
    if (end !== -1) holes.push({ start, end, number });
  }
  return holes;
}

function sampleOf({ head, numbers, tail }: Template): Uint8Array {
  return new Uint8Array([...head.flatMap((segment, hole) => [...segment, numbers[hole] ? SEVEN : 0x78]), ...tail]);
}
