import type { FinishReason, Frame, StreamEvent } from "../core/answer.ts";
import type { Failure } from "../core/failure.ts";
import { isJsonObject } from "../core/json.ts";
import { mergeUsage, type Usage } from "../core/usage.ts";
import { utf8Length } from "../lib/utf8.ts";

/** Bytes of UTF-8 text to a token, for counts that nobody reported. Always marked as estimated. */
const BYTES_PER_TOKEN = 4;
/** A larger frame may hold more than text, however plain: it is looked into before its bytes are counted as text. */
const PLAIN_FRAME_MAX_BYTES = 4_096;

/**
 * Watches the frames of one attempt and knows what they prove: whether a real token came, whether every choice has finished,
 * what was used. Frames that are not notable are counted by their length and, unless they are large, never parsed.
 */
export class Meter {
  /** A real token (or a finish) has been seen. */
  started = false;
  /** A content filter's finish was the first that came. */
  filtered = false;
  failure: Failure | undefined;
  readonly #finished = new Set<number>();
  readonly #choices: number;
  #usage: Usage | undefined;
  #textBytes = 0;
  #tokenFrames = 0;
  /** Bytes of a token frame that are not its text, from those that were parsed. */
  #frameOverhead: number | undefined;

  constructor(choices: number) {
    this.#choices = choices;
  }

  get complete(): boolean {
    return this.#finished.size >= this.#choices;
  }

  see(frame: Frame): void {
    const isPlain = !frame.notable && frame.raw.length <= frame.count * PLAIN_FRAME_MAX_BYTES;
    if (this.started && isPlain && this.#frameOverhead !== undefined) {
      this.#tokenFrames += frame.count;
      // A plain sum, so that it is the same however neighbours were handed on.
      this.#textBytes += frame.raw.length - frame.count * this.#frameOverhead;
      return;
    }
    let textBytes = 0;
    for (const event of frame.events()) textBytes += this.#take(event);
    if (textBytes === 0) return;
    this.#tokenFrames += frame.count;
    this.#textBytes += textBytes;
    // The least: what one frame holds beside its text (a field of its own) says nothing of the others.
    const overhead = Math.max(0, (frame.raw.length - textBytes) / frame.count);
    this.#frameOverhead = Math.min(overhead, this.#frameOverhead ?? overhead);
  }

  /**
   * What was used, the parts that nobody reported estimated: `inputTokens` from ours, output from what was seen, at most
   * `maxOutputTokens`, which is what the backend was told and what was reserved.
   */
  usage(
    inputTokens: number,
    maxOutputTokens = Number.POSITIVE_INFINITY,
  ): { readonly usage: Usage; readonly estimated: boolean } {
    const reported = this.#usage ?? {};
    const estimated = reported.inputTokens === undefined || reported.outputTokens === undefined || !this.complete;
    const read = Math.max(this.#tokenFrames, Math.ceil(this.#textBytes / BYTES_PER_TOKEN));
    const seen = Math.min(read, maxOutputTokens);
    const outputTokens =
      this.complete && reported.outputTokens !== undefined
        ? reported.outputTokens
        : Math.max(seen, reported.outputTokens ?? 0);
    return { usage: { ...reported, inputTokens: reported.inputTokens ?? inputTokens, outputTokens }, estimated };
  }

  /** The bytes of text that the event holds. */
  #take(event: StreamEvent): number {
    switch (event.type) {
      case "text":
      case "reasoning":
      case "refusal":
        if (event.text === "") return 0;
        this.started = true;
        return utf8Length(event.text);
      case "tool-start":
        this.started = true;
        return event.name.length;
      case "tool-input":
        this.started = true;
        return utf8Length(event.json);
      case "usage":
        this.#usage = mergeUsage(this.#usage, event.usage);
        return 0;
      case "finish":
        if (!this.started && isFiltered(event.finish)) this.filtered = true;
        this.started = true;
        this.#finished.add(event.choice);
        return 0;
      case "failure":
        // What comes after the last finish cannot unsay it.
        if (!this.complete) this.failure ??= event.failure;
        return 0;
      case "other":
        // Content that has no word here (a legacy function call, redacted thinking) is an answer all the same.
        if (isContent(event)) this.started = true;
        return 0;
      default:
        return 0;
    }
  }
}

/** Said before any word: a model that declines by itself says something, and Anthropic's `refusal` is its filter's word. */
export function isFiltered({ kind }: FinishReason): boolean {
  return kind === "filter" || kind === "refusal";
}

/** Whether fields without a word are content: a message's own, or a block; what stands beside them (ids, nulls) is not. */
function isContent({ choice, data }: Extract<StreamEvent, { type: "other" }>): boolean {
  if (choice < 0) return false;
  if ("block" in data || "deltas" in data) return true;
  return isJsonObject(data.message) && Object.values(data.message).some((value) => value !== null);
}
