import type { StreamEvent } from "../../core/answer.ts";
import type { Failure } from "../../core/failure.ts";
import { isJsonObject, type Json, type JsonObject } from "../../core/json.ts";
import { mergeUsage, type Usage } from "../../core/usage.ts";
import type { FrameWriter, WriterContext } from "../../core/wire.ts";
import { sseFrame } from "../../lib/sse.ts";
import { mergeExtra } from "../extra.ts";
import { protocolFailure, UNFINISHED } from "../frames.ts";
import { ABSENT } from "./absent.ts";
import { errorBody } from "./error.ts";
import { encodeFinish, encodeUsage, extrasOf, isCitation } from "./words.ts";

function frame(event: { readonly type: string } & JsonObject): string {
  return sseFrame(JSON.stringify(event), event.type);
}

export const TERMINATOR = frame({ type: "message_stop" });
const KEEP_ALIVE = frame({ type: "ping" });

type BlockKind = "text" | "thinking" | "tool" | "other";

/** What is said of a block while another is open: the format allows one at a time. */
interface Waiting {
  readonly block: number;
  readonly events: StreamEvent[];
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
  /** The arguments of the open call so far: once they are whole, the next block need not wait for the end. */
  private openInput = "";
  private readonly closedCalls = new Set<number>();
  private waiting: Waiting[] = [];
  private said = { tools: false, refusal: false };
  private isBroken: boolean = false;
  private usage: Usage = {};
  private top: JsonObject = {};
  private stopReason: string | undefined;

  constructor(context: WriterContext) {
    this.context = context;
  }

  write(event: StreamEvent): string {
    if (("choice" in event && event.choice > 0) || this.isBroken) return "";
    // Nothing is told of these, so nothing waits for them.
    if (event.type === "logprobs" || (event.type === "other" && !extrasOf(event.data))) return "";
    if ("block" in event && event.block >= 0 && this.mustWait(event.block)) {
      const known = this.waiting.find(({ block }) => block === event.block);
      if (known) known.events.push(event);
      else this.waiting.push({ block: event.block, events: [event] });
      return "";
    }
    return this.tell(event);
  }

  private tell(event: StreamEvent): string {
    switch (event.type) {
      case "text":
        return this.opened("text", event.block) + this.delta({ type: "text_delta", text: event.text });
      case "refusal":
        this.said.refusal = true;
        return this.opened("text", event.block) + this.delta({ type: "text_delta", text: event.text });
      case "reasoning":
        return this.opened("thinking", event.block) + this.delta({ type: "thinking_delta", thinking: event.text });
      case "signature":
        return this.opened("thinking", event.block) + this.delta({ type: "signature_delta", signature: event.data });
      case "citation":
        if (!isCitation(event.data)) return "";
        return this.opened("text", event.block) + this.delta({ type: "citations_delta", citation: event.data });
      case "tool-start":
        return this.toolStart(event.block, event.id, event.name);
      case "tool-input":
        return this.toolInput(event.block, event.json);
      case "other":
        return this.other(event.block, event.data);
      case "usage":
        this.usage = mergeUsage(this.usage, event.usage);
        return "";
      case "finish": {
        const told = this.start() + this.close() + this.tellWaiting();
        this.stopReason = encodeFinish(event.finish, this.said);
        return told;
      }
      case "failure":
        return this.failure(event.failure, this.context.id);
      case "start":
      case "logprobs":
        return "";
    }
  }

  end(): string {
    if (this.isBroken) return "";
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
    if (this.open.kind === "tool") this.closedCalls.add(this.open.block);
    this.open = undefined;
    return frame({ type: "content_block_stop", index: this.index });
  }

  /** Whether a call is open whose arguments are not whole yet, and the event belongs to another block. */
  private mustWait(block: number): boolean {
    const { open } = this;
    if (open?.kind !== "tool" || open.block === block) return false;
    return this.waiting.length > 0 || !isWhole(this.openInput);
  }

  /** What had to wait, block by block: nothing more comes for any of them. */
  private tellWaiting(): string {
    const { waiting } = this;
    this.waiting = [];
    return waiting.map(({ events }) => events.map((event) => this.tell(event)).join("") + this.close()).join("");
  }

  private delta(delta: Json): string {
    return frame({ type: "content_block_delta", index: this.index, delta });
  }

  private toolStart(block: number, id: string, name: string): string {
    this.said.tools = true;
    const told = this.opened("tool", block, { type: "tool_use", id, name, input: {}, ...ABSENT.toolUse });
    this.openInput = "";
    return told;
  }

  private toolInput(block: number, json: string): string {
    if (json === "") return "";
    if (this.open?.block === block) {
      this.openInput += json;
      return this.delta({ type: "input_json_delta", partial_json: json });
    }
    // More for a call that was whole: white space says nothing, anything else would be lost.
    if (!this.closedCalls.has(block) || json.trim() === "") return "";
    this.isBroken = true;
    return this.failure(protocolFailure("arguments_behind_their_end"), this.context.id);
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

/** Whether the arguments of a call can be read: nothing that is JSON stays JSON when more is said, but for white space. */
function isWhole(json: string): boolean {
  try {
    return isJsonObject(JSON.parse(json));
  } catch {
    return false;
  }
}

const EMPTY: Readonly<Record<BlockKind, JsonObject>> = {
  text: { type: "text", text: "", ...ABSENT.text },
  thinking: { type: "thinking", thinking: "", signature: "" },
  tool: {},
  other: {},
};
