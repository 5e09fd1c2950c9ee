import type { StreamEvent } from "../../core/answer.ts";
import type { Failure } from "../../core/failure.ts";
import { isJsonObject, type Json, type JsonObject } from "../../core/json.ts";
import { mergeUsage, type Usage } from "../../core/usage.ts";
import type { FrameWriter, WriterContext } from "../../core/wire.ts";
import { sseComment, sseFrame } from "../../lib/sse.ts";
import { UNFINISHED } from "../frames.ts";
import { errorBody } from "./error.ts";
import { encodeFinish, encodeLogprobs, encodeUsage, extrasOf } from "./words.ts";

export const TERMINATOR = sseFrame("[DONE]");
const KEEP_ALIVE = sseComment("keep-alive");

/**
 * Writes `chat.completion.chunk` frames: for each choice a chunk with the role first, then its deltas, then its finish; at the end the usage, where the
 * caller asked for it, and `[DONE]`.
 */
export class OpenAiChatWriter implements FrameWriter {
  readonly keepAlive = KEEP_ALIVE;
  private readonly context: WriterContext;
  private head: JsonObject;
  private readonly begun = new Set<number>();
  private readonly unfinished = new Set<number>();
  /** Position of each tool call among its choice's calls, by choice and block. */
  private readonly calls = new Map<number, number[]>();
  private usage: Usage | undefined;
  private unspokenUsage: JsonObject = {};

  constructor(context: WriterContext) {
    this.context = context;
    const { id, createdAt, model } = context;
    this.head = { id, object: "chat.completion.chunk", created: createdAt, model };
  }

  write(event: StreamEvent): string {
    switch (event.type) {
      case "text":
        return this.delta(event.choice, { content: event.text });
      case "reasoning":
        return this.delta(event.choice, { reasoning: event.text });
      case "refusal":
        return this.delta(event.choice, { refusal: event.text });
      case "tool-start": {
        const index = this.callIndex(event.choice, event.block);
        const call = { index, id: event.id, type: "function", function: { name: event.name, arguments: "" } };
        return this.delta(event.choice, { tool_calls: [call] });
      }
      case "tool-input": {
        // Input of a block that is no call here: of a tool that runs at the provider.
        const index = this.calls.get(event.choice)?.indexOf(event.block) ?? -1;
        if (index === -1) return "";
        return this.delta(event.choice, { tool_calls: [{ index, function: { arguments: event.json } }] });
      }
      case "logprobs":
        return this.delta(event.choice, {}, { logprobs: event.data });
      case "other":
        return this.other(event.choice, event.data);
      case "usage":
        this.usage = mergeUsage(this.usage, event.usage);
        return "";
      case "finish": {
        const role = this.begin(event.choice);
        this.unfinished.delete(event.choice);
        return (
          role +
          this.chunk([{ index: event.choice, delta: {}, logprobs: null, finish_reason: encodeFinish(event.finish) }])
        );
      }
      case "failure":
        return this.failure(event.failure, this.context.id);
      // What the format has no place for: the start is in every chunk, signatures and citations are another format's.
      case "start":
      case "signature":
      case "citation":
        return "";
    }
  }

  end(): string {
    // Whoever ends a stream that has not finished must not be able to make it look finished.
    if (this.begun.size === 0 || this.unfinished.size > 0) return this.failure(UNFINISHED, this.context.id);
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
    return extra?.message || extra?.choice ? this.delta(choice, extra.message ?? {}, extra.choice) : "";
  }

  private delta(choice: number, delta: JsonObject, beside?: JsonObject): string {
    const logprobs = encodeLogprobs(beside?.logprobs);
    return this.begin(choice) + this.chunk([{ index: choice, delta, ...beside, logprobs, finish_reason: null }]);
  }

  private begin(choice: number): string {
    if (this.begun.has(choice)) return "";
    this.begun.add(choice);
    this.unfinished.add(choice);
    return this.chunk([
      { index: choice, delta: { role: "assistant", content: "" }, logprobs: null, finish_reason: null },
    ]);
  }

  /** With `include_usage` every chunk has a `usage`, null in all but the last. */
  private chunk(choices: Json, last: JsonObject = this.context.includeUsage ? { usage: null } : {}): string {
    return sseFrame(JSON.stringify({ ...this.head, choices, ...last }));
  }

  private callIndex(choice: number, block: number): number {
    const blocks = this.calls.get(choice) ?? [];
    this.calls.set(choice, blocks);
    const known = blocks.indexOf(block);
    return known === -1 ? blocks.push(block) - 1 : known;
  }
}
