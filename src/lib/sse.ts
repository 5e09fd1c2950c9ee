/** Server-sent events as the HTML standard reads them (§9.2.6): lines end in LF, CRLF or CR, a blank line ends a frame. */

const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const SPACE = 0x20;

export const MAX_FRAME_BYTES = 1_048_576;

/** Where the splitter stands between two bytes. */
const AT_START = 0; // nothing of a frame yet; blank lines here belong to the frame that follows
const IN_LINE = 1;
const AFTER_LF = 2; // a line has just ended; another line end ends the frame
const AFTER_CR = 3; // the same, and an LF would still belong to the line end before
const AFTER_BLANK_CR = 4; // LF or CRLF, then CR: the frame is over, and an LF would still belong to it

/** A frame is `bytes[start, end)`. */
export type FrameFound = (bytes: Uint8Array, start: number, end: number) => void;

/**
 * Cuts bytes into frames. Each frame is its bytes with the closing blank line, exactly as they came (a byte order mark at the very start is left
 * out). However the bytes are cut into chunks, the frames are the same. Frames that lie whole in a chunk are views of it; what is unfinished is carried
 * in one buffer that doubles, so that each byte is copied a bounded number of times.
 */
export class SseSplitter {
  /** A frame grew beyond the cap. Nothing is read after it. */
  overflowed: boolean = false;
  private readonly maxFrameBytes: number;
  private state = AT_START;
  private tail: Uint8Array = new Uint8Array(0);
  private tailLength = 0;
  private first: boolean = true;

  constructor(maxFrameBytes: number = MAX_FRAME_BYTES) {
    this.maxFrameBytes = maxFrameBytes;
  }

  /** The frames that `chunk` completes. They may be views of `chunk`: valid as long as its memory is not written over. */
  push(chunk: Uint8Array): Uint8Array[] {
    const frames: Uint8Array[] = [];
    this.cut(chunk, (bytes, start, end) => frames.push(bytes.subarray(start, end)));
    return frames;
  }

  /** As `push`, told where each frame lies and not handed it: a view costs more than most readers need to look at a frame. */
  cut(chunk: Uint8Array, found: FrameFound): void {
    if (this.overflowed) return;
    let start = 0;
    for (let end = this.frameEnd(chunk, 0); end !== -1; end = this.frameEnd(chunk, end)) {
      if (this.tailLength + end - start > this.maxFrameBytes) {
        this.overflow();
        return;
      }
      const carried = this.tailLength > 0;
      const bytes = carried ? this.joined(chunk.subarray(start, end)) : chunk;
      let from = carried ? 0 : start;
      const to = carried ? bytes.length : end;
      start = end;
      if (this.first) {
        this.first = false;
        if (startsWithMark(bytes, from)) from += 3;
      }
      found(bytes, from, to);
    }
    if (start === chunk.length) return;
    if (this.tailLength + chunk.length - start > this.maxFrameBytes) this.overflow();
    else this.carry(start === 0 ? chunk : chunk.subarray(start));
  }

  /** Whether the bytes so far end within a frame: anything but white space. */
  hasTail(): boolean {
    return this.tail.subarray(0, this.tailLength).some((byte) => byte > SPACE);
  }

  /** The index behind the frame that is under way in `chunk` at `from`, or -1. Keeps its state between chunks. */
  private frameEnd(chunk: Uint8Array, from: number): number {
    const { length } = chunk;
    let state = this.state;
    let i = from;
    while (i < length) {
      if (state === IN_LINE) {
        // The bulk of all bytes: nothing but a line end matters here.
        while (i < length && chunk[i] !== LF && chunk[i] !== CR) i++;
        if (i === length) break;
        state = chunk[i++] === LF ? AFTER_LF : AFTER_CR;
        continue;
      }
      const byte = chunk[i];
      if (state === AFTER_BLANK_CR) {
        this.state = AT_START;
        return byte === LF ? i + 1 : i;
      }
      i++;
      if (byte === LF) {
        if (state === AFTER_CR) {
          state = AFTER_LF;
        } else if (state === AFTER_LF) {
          this.state = AT_START;
          return i;
        }
      } else if (byte === CR) {
        if (state === AFTER_CR) {
          this.state = AT_START;
          return i;
        }
        if (state === AFTER_LF) state = AFTER_BLANK_CR;
      } else {
        state = IN_LINE;
      }
    }
    this.state = state;
    return -1;
  }

  private carry(bytes: Uint8Array): void {
    const needed = this.tailLength + bytes.length;
    if (needed > this.tail.length) {
      const larger = new Uint8Array(Math.max(needed, this.tail.length * 2, 512));
      larger.set(this.tail.subarray(0, this.tailLength));
      this.tail = larger;
    }
    this.tail.set(bytes, this.tailLength);
    this.tailLength = needed;
  }

  private joined(end: Uint8Array): Uint8Array {
    const frame = new Uint8Array(this.tailLength + end.length);
    frame.set(this.tail.subarray(0, this.tailLength));
    frame.set(end, this.tailLength);
    this.tailLength = 0;
    return frame;
  }

  private overflow(): void {
    this.overflowed = true;
    this.tail = new Uint8Array(0);
    this.tailLength = 0;
  }
}

function startsWithMark(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0xef && bytes[at + 1] === 0xbb && bytes[at + 2] === 0xbf;
}

/** The fields of one frame. `data` is undefined where the frame has no data line: a comment, a lone id. */
export interface SseFields {
  readonly data: string | undefined;
  readonly event: string | undefined;
  readonly id: string | undefined;
}

const decoder = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });

/** Reads the fields of one whole frame. Several data lines are joined by line feeds; bytes that are not UTF-8 become U+FFFD. */
export function sseFields(frame: Uint8Array): SseFields {
  let data: string | undefined;
  let event: string | undefined;
  let id: string | undefined;
  for (const line of decoder.decode(frame).split(/\r\n|\n|\r/)) {
    const colon = line.indexOf(":");
    if (line === "" || colon === 0) continue;
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(line.charCodeAt(colon + 1) === SPACE ? colon + 2 : colon + 1);
    if (name === "data") data = data === undefined ? value : `${data}\n${value}`;
    else if (name === "event") event = value;
    else if (name === "id" && !value.includes("\0")) id = value;
  }
  return { data, event, id };
}

/** The data text of one whole frame; undefined where it has none. */
export function sseData(frame: Uint8Array): string | undefined {
  return isPlainDataLine(frame)
    ? decoder.decode(frame.subarray(frame[5] === SPACE ? 6 : 5, frame.length - 2))
    : sseFields(frame).data;
}

/** `data:` and one line that ends in two line feeds: nearly every frame there is. */
export function isPlainDataLine(frame: Uint8Array): boolean {
  const { length } = frame;
  const named = frame[0] === 0x64 && frame[1] === 0x61 && frame[2] === 0x74 && frame[3] === 0x61 && frame[4] === COLON;
  return named && frame[length - 1] === LF && frame.indexOf(LF) === length - 2 && frame.indexOf(CR) === -1;
}

const LINE_ENDS = /\r\n|\n|\r/;

/** A frame that carries `data`, whatever it holds: each of its lines becomes a data line, so no text can end the frame early. */
export function sseFrame(data: string, event?: string): string {
  const head = event === undefined ? "" : `event: ${oneLine(event)}\n`;
  // JSON text has no raw line end: the common case is one test and no split.
  if (!LINE_ENDS.test(data)) return `${head}data: ${data}\n\n`;
  return `${head}${data
    .split(LINE_ENDS)
    .map((line) => `data: ${line}\n`)
    .join("")}\n`;
}

/** A comment, which every client ignores. */
export function sseComment(text: string): string {
  return `: ${oneLine(text)}\n\n`;
}

function oneLine(text: string): string {
  return text.replaceAll(/[\r\n\0]+/g, " ");
}
