import type { StreamEvent } from "../../core/answer.ts";
import type { Failure } from "../../core/failure.ts";
import { isJsonObject, type Json, type JsonObject } from "../../core/json.ts";
import { mergeUsage, type Usage } from "../../core/usage.ts";
import type { FrameWriter, WriterContext } from "../../core/wire.ts";
import { sseFrame } from "../../lib/sse.ts";
import { mergeExtra } from "../extra.ts";
import { UNFINISHED } from "../frames.ts";
import { ABSENT } from "./absent.ts";
import { errorBody } from "./error.ts";
import { encodeFinish, encodeUsage, extrasOf } from "./words.ts";

function frame(event: { readonly type: string } & JsonObject): string {
  return sseFrame(JSON.stringify(event), event.type);
}

export const TERMINATOR = frame({ type: "message_stop" });
const KEEP_ALIVE = frame({ type: "ping" });

type BlockKind = "text" | "thinking" | "tool" | "other";

/** A tool call that has to wait: the format allows one open block at a time. */
interface WaitingTool {
  readonly id: string;
  readonly name: string;
  json: string;
}

/**
 * Writes the events of a message: `message_start` before the first content, each block with its start and stop, `message_delta` with the
 * stop reason and usage, `message_stop`. The format has one choice: events of others are left out (more than one is refused when asked for).
 */
export class AnthropicWriter implements FrameWriter {
  readonly keepAlive = KEEP_ALIVE;
  private readonly context: WriterContext;
  private started: boolean = false;
  private index = -1;
  private open: { readonly kind: BlockKind; readonly block: number } | undefined;
  private readonly waiting = new Map<number, WaitingTool>();
  private usage: Usage = {};
  private top: JsonObject = {};
  private stopReason: string | undefined;

  constructor(context: WriterContext) {
    this.context = context;
  }

  write(event: StreamEvent): string {
    if ("choice" in event && event.choice > 0) return "";
    switch (event.type) {
      case "text":
      case "refusal":
        return this.opened("text", event.block) + this.delta({ type: "text_delta", text: event.text });
      case "reasoning":
        return this.opened("thinking", event.block) + this.delta({ type: "thinking_delta", thinking: event.text });
      case "signature":
        return this.opened("thinking", event.block) + this.delta({ type: "signature_delta", signature: event.data });
      case "citation":
        return this.opened("text", event.block) + this.delta({ type: "citations_delta", citation: event.data });
      case "tool-start":
        return this.toolStart(event.block, { id: event.id, name: event.name, json: "" });
      case "tool-input":
        return this.toolInput(event.block, event.json);
      case "other":
        return this.other(event.block, event.data);
      case "usage":
        this.usage = mergeUsage(this.usage, event.usage);
        return "";
      case "finish":
        this.stopReason = encodeFinish(event.finish);
        return this.start() + this.close();
      case "failure":
        return this.failure(event.failure, this.context.id);
      case "start":
      case "logprobs":
        return "";
    }
  }

  end(): string {
    // Whoever ends a stream that has not finished must not be able to make it look finished.
    if (this.stopReason === undefined) return this.failure(UNFINISHED, this.context.id);
    const { usage, container: _startedWith, ...fields } = this.top;
    const delta = { stop_reason: this.stopReason, stop_sequence: null, ...ABSENT.messageDelta, ...fields };
    const report = { ...ABSENT.usageDelta, ...encodeUsage(this.usage, isJsonObject(usage) ? usage : {}) };
    return this.close() + frame({ type: "message_delta", delta, usage: report }) + TERMINATOR;
  }

  failure(failure: Failure, requestId: string): string {
    return sseFrame(errorBody(failure, requestId), "error");
  }

  private start(): string {
    if (this.started) return "";
    this.started = true;
    const { id, model } = this.context;
    const message = {
      id,
      type: "message",
      role: "assistant",
      model,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      // What was used before the first token, where that is known already (a replay); counted up in `message_delta`.
      usage: { ...ABSENT.usage, ...encodeUsage({ ...this.usage, outputTokens: 0 }) },
      ...ABSENT.message,
      ...(this.top.container !== undefined && { container: this.top.container }),
    };
    return frame({ type: "message_start", message });
  }

  /** What has to be said so that a block of this kind is open. */
  private opened(kind: BlockKind, block: number, start: JsonObject = EMPTY[kind]): string {
    if (this.open?.kind === kind && this.open.block === block) return "";
    const before = this.start() + this.close();
    this.open = { kind, block };
    return before + frame({ type: "content_block_start", index: ++this.index, content_block: start });
  }

  private close(): string {
    if (!this.open) return "";
    this.open = undefined;
    const stop = frame({ type: "content_block_stop", index: this.index });
    const [next] = this.waiting;
    if (!next) return stop;
    const [block, { id, name, json }] = next;
    this.waiting.delete(block);
    return stop + this.toolStart(block, { id, name, json: "" }) + this.toolInput(block, json) + this.close();
  }

  private delta(delta: Json): string {
    return frame({ type: "content_block_delta", index: this.index, delta });
  }

  private toolStart(block: number, tool: WaitingTool): string {
    if (this.open?.kind === "tool") {
      this.waiting.set(block, tool);
      return "";
    }
    return this.opened("tool", block, { type: "tool_use", id: tool.id, name: tool.name, input: {}, ...ABSENT.toolUse });
  }

  private toolInput(block: number, json: string): string {
    const waiting = this.waiting.get(block);
    if (waiting) waiting.json += json;
    if (waiting || json === "" || this.open?.block !== block) return "";
    return this.delta({ type: "input_json_delta", partial_json: json });
  }

  private other(block: number, data: JsonObject): string {
    const extra = extrasOf(data);
    if (!extra) return "";
    if (extra.top) this.top = mergeExtra(this.top, extra.top);
    if (!extra.block && !this.open) return "";
    const start = extra.block ? this.opened("other", block, extra.block) : "";
    const deltas = (extra.deltas ?? []).map((delta) => this.delta(delta));
    return start + this.toolInput(block, extra.inputJson ?? "") + deltas.join("");
  }
}

const EMPTY: Readonly<Record<BlockKind, JsonObject>> = {
  text: { type: "text", text: "", ...ABSENT.text },
  thinking: { type: "thinking", thinking: "", signature: "" },
  tool: {},
  other: {},
};
