import type { StreamEvent } from "../../core/answer.ts";
import type { Failure } from "../../core/failure.ts";
import { isJsonObject, type Json, type JsonObject } from "../../core/json.ts";
import { mergeUsage, type Usage } from "../../core/usage.ts";
import type { FrameWriter, WriterContext } from "../../core/wire.ts";
import { sseComment } from "../../lib/sse.ts";
import { mergeExtra } from "../extra.ts";
import { UNFINISHED } from "../frames.ts";
import { errorBody } from "../openai-chat/error.ts";
import { type CallItem, MessageItem, ReasoningItem, startCall } from "./items.ts";
import { responseOf, type State } from "./shape.ts";
import { aloud, type Voice } from "./voice.ts";
import { type Ending, encodeFinish, encodeLogprobs, extrasOf } from "./words.ts";

const KEEP_ALIVE = sseComment("keep-alive");

/**
 * Writes the events of a response: `response.created` before the first content, each output item from `added` to `done`, and at the end
 * `response.completed` or `response.incomplete` with all of it. What is said and thought is written one item after another; calls stay open beside each other
 * until the answer has finished. The format has one choice: events of others are left out (more than one is refused when asked for).
 */
export class ResponsesWriter implements FrameWriter {
  readonly keepAlive = KEEP_ALIVE;
  private readonly context: WriterContext;
  private readonly voice: Voice;
  private started: boolean = false;
  /** By index; an item that is still being told is undefined. */
  private readonly output: (JsonObject | undefined)[] = [];
  private speaking: MessageItem | ReasoningItem | undefined;
  private readonly calls = new Map<number, CallItem>();
  private usage: Usage | undefined;
  private extra: JsonObject = {};
  private ending: Ending | undefined;

  constructor(context: WriterContext, voice: Voice = aloud()) {
    this.context = context;
    this.voice = voice;
  }

  write(event: StreamEvent): string {
    if ("choice" in event && event.choice > 0) return "";
    switch (event.type) {
      case "text":
      case "refusal": {
        const [item, before] = this.message();
        return before + item.say(event.type, event.block, event.text);
      }
      case "reasoning": {
        const [item, before] = this.reasoning(event.block);
        return before + item.say(event.text);
      }
      case "signature": {
        const [item, before] = this.reasoning(event.block);
        item.signature = event.data;
        return before;
      }
      case "citation":
        return this.speaking instanceof MessageItem ? this.speaking.cite(event.data) : "";
      case "logprobs":
        return this.logprobs(event.data);
      case "tool-start": {
        const before = this.begin() + this.close();
        const { id, name } = event;
        const call = startCall({ ...this.place("fc"), call_id: id, name }, this.voice);
        this.calls.set(event.block, call);
        return before + call.added;
      }
      case "tool-input":
        return this.calls.get(event.block)?.add(event.json) ?? "";
      case "other":
        return this.other(event.data);
      case "usage":
        this.usage = mergeUsage(this.usage, event.usage);
        return "";
      case "finish":
        this.ending = encodeFinish(event.finish);
        return this.begin() + this.close() + this.closeCalls();
      case "failure":
        return this.failure(event.failure, this.context.id);
      case "start":
        return "";
    }
  }

  end(): string {
    // Whoever ends a stream that has not finished must not be able to make it look finished.
    if (!this.ending) return this.failure(UNFINISHED, this.context.id);
    return this.begin() + this.voice.event(`response.${this.ending.status}`, { response: this.finished() });
  }

  /**
   * A client that follows the response is told that it failed; the error behind it is what the SDKs throw. A writer that has written nothing (the
   * frames of a backend passed as they came) gives the error alone: what the response is called and holds it does not know.
   */
  failure(failure: Failure, requestId: string): string {
    const told = JSON.parse(errorBody(failure, requestId)) as { error: JsonObject };
    const { code, message, param } = told.error as { code: Json; message: Json; param: Json };
    const error = { code: failure.type === "caller_rate_limited" ? "rate_limit_exceeded" : "server_error", message };
    const failed = this.started
      ? this.voice.event("response.failed", { response: this.response({ status: "failed", error }) })
      : "";
    return failed + this.voice.event("error", { code: code ?? null, message, param, ...told });
  }

  private begin(): string {
    if (this.started) return "";
    this.started = true;
    const response = this.response({ status: "in_progress", output: [] });
    return this.voice.event("response.created", { response }) + this.voice.event("response.in_progress", { response });
  }

  private response(state: Partial<State> & Pick<State, "status">): JsonObject {
    return responseOf(this.context, {
      output: this.output.filter((item) => item !== undefined),
      extra: this.extra,
      ...state,
    });
  }

  /** The response as it stands after the last event. */
  finished(): JsonObject {
    const { status, reason } = this.ending ?? { status: "incomplete" };
    return this.response({ status, reason, usage: this.usage });
  }

  /** Where the next output item goes, and the id that it gets. */
  private place(prefix: string): { readonly id: string; readonly output_index: number } {
    const output_index = this.output.length;
    const id = `${prefix}_${this.context.id.replace(/^resp_/, "")}_${output_index}`;
    this.output.push(undefined);
    return { id, output_index };
  }

  private message(): readonly [MessageItem, string] {
    if (this.speaking instanceof MessageItem) return [this.speaking, ""];
    const before = this.begin() + this.close();
    const item = new MessageItem(this.place("msg"), this.voice);
    this.speaking = item;
    return [item, before + item.added];
  }

  private reasoning(block: number): readonly [ReasoningItem, string] {
    if (this.speaking instanceof ReasoningItem && this.speaking.block === block) return [this.speaking, ""];
    const before = this.begin() + this.close();
    const item = new ReasoningItem(this.place("rs"), block, this.voice);
    this.speaking = item;
    return [item, before + item.added];
  }

  private close(): string {
    const item = this.speaking;
    if (!item) return "";
    this.speaking = undefined;
    return this.done(item.output_index, item.close(this.ending?.status ?? "completed"));
  }

  private closeCalls(): string {
    const status = this.ending?.status ?? "completed";
    const frames = [...this.calls.values()].map((call) => this.done(call.output_index, call.close(status)));
    this.calls.clear();
    return frames.join("");
  }

  private done(output_index: number, { frames, item }: { readonly frames: string; readonly item: JsonObject }): string {
    this.output[output_index] = item;
    return frames + this.voice.event("response.output_item.done", { output_index, item });
  }

  private logprobs(data: Json): string {
    return this.speaking instanceof MessageItem ? this.speaking.weigh(encodeLogprobs(data)) : "";
  }

  private other(data: JsonObject): string {
    // A collected answer holds log probabilities in the form of the format that had them first.
    if (data.wire === "openai-chat" && isJsonObject(data.choice) && data.choice.logprobs !== undefined) {
      return this.logprobs(data.choice.logprobs);
    }
    const extra = extrasOf(data);
    if (extra?.top) this.extra = mergeExtra(this.extra, extra.top);
    if (!extra?.block) return "";
    const before = this.begin() + this.close();
    const item = extra.block;
    const output_index = this.output.push(item) - 1;
    return (
      before +
      this.voice.event("response.output_item.added", { output_index, item }) +
      this.done(output_index, { frames: "", item })
    );
  }
}
