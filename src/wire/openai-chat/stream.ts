import type { StreamEvent } from "../../core/answer.ts";
import { isJsonObject, type Json, type JsonObject } from "../../core/json.ts";
import { sseData, sseFields } from "../../lib/sse.ts";
import { failed, NOTHING, type ParsedFrame, protocolFailure, type StreamFormat } from "../frames.ts";
import { isList, rest } from "../read.ts";
import { streamFailure } from "../upstream-failure.ts";
import { decodeFinish, decodeLogprobs, decodeUsage, extras, isBroken } from "./words.ts";

/** Positions of the content blocks in a choice; tool calls follow from `TOOL_BLOCK` on. */
export const TEXT_BLOCK = 0;
export const REASONING_BLOCK = 1;
export const REFUSAL_BLOCK = 2;
export const EXTRA_BLOCK = 3;
export const TOOL_BLOCK = 4;

/** `obfuscation` is padding against eavesdroppers, different in each frame. */
const KNOWN_TOP = new Set(["id", "object", "created", "model", "choices", "usage", "obfuscation"]);
const KNOWN_CHOICE = new Set(["index", "delta", "finish_reason", "logprobs"]);
const KNOWN_DELTA = new Set(["role", "content", "reasoning", "reasoning_content", "refusal", "tool_calls"]);

/** The chunks of `/chat/completions` with `stream: true`, from OpenAI, vLLM and those who speak like them. */
export class OpenAiChatStream implements StreamFormat {
  readonly textKeys = ["content", "reasoning", "reasoning_content", "obfuscation"];
  private started: boolean = false;
  private readonly calls = new Map<number, ToolCalls>();

  read(raw: Uint8Array): ParsedFrame {
    const { data, event } = raw[0] === 0x64 ? { data: sseData(raw), event: undefined } : sseFields(raw);
    const text = data?.trim();
    if (text === undefined || text === "") return NOTHING;
    if (text === "[DONE]") return { events: [], terminal: true };
    let chunk: Json;
    try {
      chunk = JSON.parse(text);
    } catch {
      return failed(protocolFailure("malformed_frame"));
    }
    if (!isJsonObject(chunk)) return failed(protocolFailure("malformed_frame"));
    if (chunk.error) return failed(streamFailure(chunk.error));
    if (event === "error" || chunk.object === "error") return failed(streamFailure(chunk));
    const usage = decodeUsage(chunk.usage);
    if (!isList(chunk.choices) && !usage) return failed(protocolFailure("frame_without_choices"));
    const events: StreamEvent[] = [];
    if (!this.started) {
      this.started = true;
      events.push(startOf(chunk));
      const top = rest(chunk, KNOWN_TOP);
      if (top) events.push({ type: "other", choice: -1, block: -1, data: extras({ top }) });
    }
    for (const choice of isList(chunk.choices) ? chunk.choices : []) {
      if (!isJsonObject(choice)) return failed(protocolFailure("malformed_choice"));
      this.readChoice(choice, events);
    }
    if (usage) events.push({ type: "usage", usage });
    return { events, terminal: false };
  }

  private readChoice(fields: JsonObject, events: StreamEvent[]): void {
    const choice = typeof fields.index === "number" ? fields.index : 0;
    const delta = isJsonObject(fields.delta) ? fields.delta : {};
    const say = (type: "text" | "reasoning" | "refusal", block: number, text: Json | undefined) => {
      if (typeof text === "string" && text !== "") events.push({ type, choice, block, text });
    };
    // `reasoning_content` is the older name; a backend that sends both says the same twice.
    say("reasoning", REASONING_BLOCK, delta.reasoning ?? delta.reasoning_content);
    say("text", TEXT_BLOCK, delta.content);
    say("refusal", REFUSAL_BLOCK, delta.refusal);
    if (isList(delta.tool_calls) && delta.tool_calls.length > 0) {
      const calls = this.calls.get(choice) ?? new ToolCalls(choice);
      this.calls.set(choice, calls);
      for (const [position, call] of delta.tool_calls.entries()) {
        if (isJsonObject(call)) calls.read(call, position, events);
      }
    }
    const logprobs = decodeLogprobs(fields.logprobs);
    if (logprobs) {
      events.push({ type: "logprobs", choice, block: EXTRA_BLOCK, data: logprobs });
    }
    const message = rest(delta, KNOWN_DELTA);
    const beside = rest(fields, KNOWN_CHOICE);
    if (message || beside) {
      const data = extras({ ...(message && { message }), ...(beside && { choice: beside }) });
      events.push({ type: "other", choice, block: EXTRA_BLOCK, data });
    }
    const { finish_reason: raw } = fields;
    if (typeof raw !== "string" || raw === "") return;
    if (isBroken(raw)) events.push({ type: "failure", failure: streamFailure({ code: `finish_${raw}` }) });
    else events.push({ type: "finish", choice, finish: decodeFinish(raw) });
  }
}

function startOf(chunk: JsonObject): StreamEvent {
  const { id, model, created } = chunk;
  return {
    type: "start",
    id: typeof id === "string" ? id : "",
    model: typeof model === "string" ? model : "",
    ...(typeof created === "number" && { createdAt: created }),
  };
}

interface ToolCall {
  readonly id: string;
  readonly block: number;
}

/**
 * The calls of one choice, in the order in which they begin. The first fragment of a call has its id and name, the others pieces of its arguments; some
 * servers repeat the id in each, some send every call under one index, some give no id at all: then one is made up, so that the call can be
 * answered.
 */
class ToolCalls {
  private readonly choice: number;
  private readonly byIndex = new Map<number, ToolCall>();
  private readonly ids = new Map<number, string>();
  private count = 0;

  constructor(choice: number) {
    this.choice = choice;
  }

  read(call: JsonObject, position: number, events: StreamEvent[]): void {
    const { choice } = this;
    const index = typeof call.index === "number" ? call.index : position;
    if (call.type !== undefined && call.type !== "function" && call.type !== null) {
      const data = extras({ message: { tool_calls: [call] } });
      events.push({ type: "other", choice, block: EXTRA_BLOCK, data });
      return;
    }
    const id = typeof call.id === "string" && call.id !== "" ? call.id : undefined;
    const { name, arguments: json } = isJsonObject(call.function) ? call.function : {};
    let known = this.byIndex.get(index);
    if (id !== undefined) this.ids.set(index, id);
    if (typeof name === "string" && name !== "" && (!known || (id !== undefined && id !== known.id))) {
      known = { id: this.ids.get(index) ?? `call_${choice}_${this.count}`, block: TOOL_BLOCK + this.count++ };
      this.byIndex.set(index, known);
      events.push({ type: "tool-start", choice, block: known.block, id: known.id, name });
    }
    if (typeof json !== "string" || json === "") return;
    if (known) events.push({ type: "tool-input", choice, block: known.block, json });
    else events.push({ type: "failure", failure: protocolFailure("arguments_without_call") });
  }
}
