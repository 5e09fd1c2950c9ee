import type { StreamEvent } from "../../core/answer.ts";
import type { Failure } from "../../core/failure.ts";
import { isJsonObject, type Json, type JsonObject } from "../../core/json.ts";
import { mergeUsage, type Usage } from "../../core/usage.ts";
import type { FrameWriter, WriterContext } from "../../core/wire.ts";
import { sseComment, sseFrame } from "../../lib/sse.ts";
import { UNFINISHED } from "../frames.ts";
import { errorBody } from "../openai-chat/error.ts";
import { encodeFinish, encodeUsage } from "../openai-chat/words.ts";
import { extrasOf } from "./words.ts";

export const TERMINATOR = sseFrame("[DONE]");
const KEEP_ALIVE = sseComment("keep-alive");

/** Writes `text_completion` frames: pieces of text, each choice's finish, at the end the usage, where the caller asked for it, and `[DONE]`. */
export class OpenAiCompletionsWriter implements FrameWriter {
  readonly keepAlive = KEEP_ALIVE;
  private readonly context: WriterContext;
  private head: JsonObject;
  private readonly unfinished = new Set<number>();
  private begun: boolean = false;
  private usage: Usage | undefined;
  private unspokenUsage: JsonObject = {};

  constructor(context: WriterContext) {
    this.context = context;
    const { id, createdAt, model } = context;
    this.head = { id, object: "text_completion", created: createdAt, model };
  }

  write(event: StreamEvent): string {
    switch (event.type) {
      case "text":
        return this.piece(event.choice, event.text);
      case "other":
        return this.other(event.choice, event.data);
      case "usage":
        this.usage = mergeUsage(this.usage, event.usage);
        return "";
      case "finish":
        this.begun = true;
        this.unfinished.delete(event.choice);
        return this.chunk([
          { index: event.choice, text: "", logprobs: null, finish_reason: encodeFinish(event.finish) },
        ]);
      case "failure":
        return this.failure(event.failure, this.context.id);
      // A completion has text and nothing else; the start is in every chunk.
      case "start":
      case "reasoning":
      case "refusal":
      case "tool-start":
      case "tool-input":
      case "logprobs":
      case "signature":
      case "citation":
        return "";
    }
  }

  end(): string {
    // Whoever ends a stream that has not finished must not be able to make it look finished.
    if (!this.begun || this.unfinished.size > 0) return this.failure(UNFINISHED, this.context.id);
    const usage =
      this.context.includeUsage && this.usage
        ? this.chunk([], { usage: encodeUsage(this.usage, this.unspokenUsage) })
        : "";
    return usage + TERMINATOR;
  }

  failure(failure: Failure, requestId: string): string {
    return sseFrame(errorBody(failure, requestId));
  }

  private other(choice: number, data: JsonObject): string {
    const extra = extrasOf(data);
    if (extra?.top) {
      const { usage, ...top } = extra.top;
      if (isJsonObject(usage)) this.unspokenUsage = usage;
      this.head = { ...this.head, ...top };
    }
    return extra?.choice ? this.piece(choice, "", extra.choice) : "";
  }

  private piece(choice: number, text: string, beside?: JsonObject): string {
    this.begun = true;
    this.unfinished.add(choice);
    return this.chunk([{ index: choice, text, logprobs: null, ...beside, finish_reason: null }]);
  }

  private chunk(choices: Json, last?: JsonObject): string {
    return sseFrame(JSON.stringify({ ...this.head, choices, ...last }));
  }
}
