import type { StreamEvent } from "../../core/answer.ts";
import type { Failure } from "../../core/failure.ts";
import { isJsonObject, type Json, type JsonObject } from "../../core/json.ts";
import { mergeUsage, type Usage } from "../../core/usage.ts";
import type { FrameWriter, WriterContext } from "../../core/wire.ts";
import { sseComment, sseFrame } from "../../lib/sse.ts";
import { UNFINISHED } from "../frames.ts";
import { errorBody } from "./error.ts";
import { type Extras, encodeFinish, encodeUsage, extrasOf } from "./words.ts";

export const TERMINATOR = sseFrame("[DONE]");
const KEEP_ALIVE = sseComment("keep-alive");

/** What a choice says, as opposed to what is said of it or of the stream. */
export type Said = Exclude<StreamEvent, { readonly type: "start" | "other" | "usage" | "finish" | "failure" }>;

/** Writes the chunks of OpenAI's two formats of choices: their pieces, each one's finish, at the end the usage, where the caller asked for it, and `[DONE]`. */
export abstract class ChoiceWriter implements FrameWriter {
  readonly keepAlive = KEEP_ALIVE;
  protected abstract readonly wire: string;
  /** The member of a chunk's choice that holds the piece, and that piece when it is empty. */
  protected abstract readonly empty: JsonObject;
  /** What each chunk but the last says of the usage, where the caller asked for it. */
  protected abstract readonly noUsageYet: JsonObject;
  private readonly context: WriterContext;
  private head: JsonObject;
  private readonly begun = new Set<number>();
  private readonly unfinished = new Set<number>();
  private usage: Usage | undefined;
  private unspokenUsage: JsonObject = {};

  /** `object` is that of each chunk. */
  constructor(context: WriterContext, object: string) {
    this.context = context;
    const { id, createdAt, model } = context;
    this.head = { id, object, created: createdAt, model };
  }

  /** The frames of a piece; none for what the format has no place for. */
  protected abstract say(event: Said): string;
  /** The frames of what this format alone has words for. */
  protected abstract add(choice: number, extra: Extras): string;
  /** The frame that opens a choice, where the format has one. */
  protected opening(_choice: number): string {
    return "";
  }

  write(event: StreamEvent): string {
    switch (event.type) {
      case "start":
        // It is in every chunk.
        return "";
      case "other":
        return this.other(event.choice, event.data);
      case "usage":
        this.usage = mergeUsage(this.usage, event.usage);
        return "";
      case "finish": {
        const opening = this.begin(event.choice);
        this.unfinished.delete(event.choice);
        return opening + this.chunk(event.choice, this.empty, { finish_reason: encodeFinish(event.finish) });
      }
      case "failure":
        return this.failure(event.failure, this.context.id);
      default:
        return this.say(event);
    }
  }

  end(): string {
    // Whoever ends a stream that has not finished must not be able to make it look finished.
    if (this.begun.size === 0 || this.unfinished.size > 0) return this.failure(UNFINISHED, this.context.id);
    const usage =
      this.context.includeUsage && this.usage
        ? this.frame([], { usage: encodeUsage(this.usage, this.unspokenUsage) })
        : "";
    return usage + TERMINATOR;
  }

  failure(failure: Failure, requestId: string): string {
    return sseFrame(errorBody(failure, requestId));
  }

  protected piece(choice: number, content: JsonObject, beside?: JsonObject): string {
    return this.begin(choice) + this.chunk(choice, content, beside);
  }

  protected chunk(choice: number, content: JsonObject, beside?: JsonObject): string {
    return this.frame([{ index: choice, ...content, logprobs: null, finish_reason: null, ...beside }]);
  }

  private other(choice: number, data: JsonObject): string {
    const extra = extrasOf(data, this.wire);
    if (extra?.top) {
      const { usage, ...top } = extra.top;
      if (isJsonObject(usage)) this.unspokenUsage = usage;
      this.head = { ...this.head, ...top };
    }
    return extra?.message || extra?.choice ? this.add(choice, extra) : "";
  }

  private begin(choice: number): string {
    if (this.begun.has(choice)) return "";
    this.begun.add(choice);
    this.unfinished.add(choice);
    return this.opening(choice);
  }

  private frame(choices: Json, last: JsonObject = this.context.includeUsage ? this.noUsageYet : {}): string {
    return sseFrame(JSON.stringify({ ...this.head, choices, ...last }));
  }
}
