import type { Frame, StreamEvent } from "../core/answer.ts";
import type { Failure } from "../core/failure.ts";
import { isJsonObject, type JsonObject } from "../core/json.ts";
import type { FrameReader } from "../core/wire.ts";
import { SseSplitter } from "../lib/sse.ts";
import { fieldsOnly } from "../lib/sse-lines.ts";
import { PlainFrames } from "./plain-frames.ts";

/** What one frame says. */
export interface ParsedFrame {
  readonly events: readonly StreamEvent[];
  readonly terminal: boolean;
}

/** How a format reads the frames of one stream, in order. A frame that holds only text must be read alike at any time: it may be read later, or never. */
export interface StreamFormat {
  read(raw: Uint8Array): ParsedFrame;
  /** The keys of the strings in which two plain frames of a stream may differ. */
  readonly textKeys: readonly string[];
  /** The keys of the whole numbers in which they may differ too. */
  readonly numberKeys?: readonly string[];
}

export const NOTHING: ParsedFrame = { events: [], terminal: false };
export const DONE: ParsedFrame = { events: [], terminal: true };

export function protocolFailure(detail: string): Failure {
  return { type: "backend_protocol", message: "The backend sent something that is not of its format.", detail };
}

/** What a writer says that is asked to close a stream which has not finished. */
export const UNFINISHED: Failure = { type: "backend_cut", message: "The answer broke off before it was complete." };

export function failed(failure: Failure): ParsedFrame {
  return { events: [{ type: "failure", failure }], terminal: false };
}

/** The object that a frame's data is; undefined where it is none. */
export function jsonOf(data: string): JsonObject | undefined {
  try {
    const json: unknown = JSON.parse(data);
    return isJsonObject(json) ? json : undefined;
  } catch {
    return undefined;
  }
}

const LINE_FEED = new Uint8Array([0x0a]);

class SseFrame implements Frame {
  readonly raw: Uint8Array;
  readonly count: number;
  readonly notable: boolean;
  readonly terminal: boolean;
  private parsed: readonly StreamEvent[] | undefined;
  private readonly format: StreamFormat;

  constructor(raw: Uint8Array, format: StreamFormat, parsed: ParsedFrame | undefined, count = 1) {
    this.raw = raw;
    this.count = count;
    this.format = format;
    this.notable = parsed !== undefined && !isText(parsed.events);
    this.terminal = parsed?.terminal ?? false;
    this.parsed = parsed?.events;
  }

  events(): readonly StreamEvent[] {
    this.parsed ??= this.count === 1 ? this.format.read(this.raw).events : this.readEach();
    return this.parsed;
  }

  private readEach(): readonly StreamEvent[] {
    const splitter = new SseSplitter();
    // LF and CR end a frame only when the next byte has come, which is another frame's: a line feed stands for it.
    const frames = [...splitter.push(this.raw), ...splitter.push(LINE_FEED)];
    return frames.flatMap((frame) => this.format.read(frame).events);
  }
}

/** One piece of text, or several of several choices: what a frame that may pass unread holds. */
function isText(events: readonly StreamEvent[]): boolean {
  return events.length > 0 && events.every(({ type }) => type === "text" || type === "reasoning" || type === "refusal");
}

/**
 * Cuts a stream of server-sent events and tells plain frames from notable ones. Plain frames are recognised by their bytes (`PlainFrames`), and
 * those that lie side by side are handed on as one: nobody looks into them, and each would cost an object and a view. All others are cleaned of what is no
 * field and parsed at once, since whoever reads a stream has to look at them. What holds no data is no frame.
 */
export class SseFrameReader implements FrameReader {
  private readonly splitter = new SseSplitter();
  private readonly format: StreamFormat;
  private readonly plain: PlainFrames;
  private ended: boolean = false;

  constructor(format: StreamFormat) {
    this.format = format;
    this.plain = new PlainFrames(format.textKeys, format.numberKeys);
  }

  push(chunk: Uint8Array): readonly Frame[] {
    if (this.ended) return [];
    const frames: Frame[] = [];
    /** Plain frames side by side: `run.bytes[run.start, run.end)`. */
    const run = { bytes: chunk, start: 0, end: 0, count: 0 };
    const flush = () => {
      if (run.count === 0) return;
      frames.push(new SseFrame(run.bytes.subarray(run.start, run.end), this.format, undefined, run.count));
      run.count = 0;
    };
    this.splitter.cut(chunk, (bytes, start, end) => {
      if (this.plain.matches(bytes, start, end)) {
        if (run.count === 0 || run.bytes !== bytes || run.end !== start) {
          flush();
          run.bytes = bytes;
          run.start = start;
        }
        run.end = end;
        run.count++;
        return;
      }
      flush();
      const raw = fieldsOnly(bytes.subarray(start, end));
      if (raw) frames.push(new SseFrame(raw, this.format, this.parse(raw)));
    });
    flush();
    if (this.splitter.overflowed) {
      this.ended = true;
      frames.push(new SseFrame(new Uint8Array(0), this.format, failed(protocolFailure("frame_too_large"))));
    }
    return frames;
  }

  hasTail(): boolean {
    return this.splitter.hasTail();
  }

  private parse(raw: Uint8Array): ParsedFrame {
    const parsed = this.format.read(raw);
    const [event, ...others] = parsed.events;
    if (event && others.length === 0 && isText(parsed.events)) {
      this.plain.learn(raw, (sample) => {
        const [same, ...more] = this.format.read(sample).events;
        return more.length === 0 && JSON.stringify(same) === JSON.stringify({ ...event, text: "x" });
      });
    }
    return parsed;
  }
}
