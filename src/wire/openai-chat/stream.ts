import type { StreamEvent } from "../../core/answer.ts";
import { isJsonObject, type Json, type JsonObject } from "../../core/json.ts";
import { protocolFailure } from "../frames.ts";
import { isList, rest } from "../read.ts";
import { ChoiceStream } from "./choice-stream.ts";
import { decodeLogprobs, extras, NAME } from "./words.ts";

/** Positions of the content blocks in a choice; tool calls follow from `TOOL_BLOCK` on. */
export const TEXT_BLOCK = 0;
export const REASONING_BLOCK = 1;
export const REFUSAL_BLOCK = 2;
export const EXTRA_BLOCK = 3;
export const TOOL_BLOCK = 4;

const KNOWN_CHOICE = new Set(["index", "delta", "finish_reason", "logprobs"]);
const KNOWN_DELTA = new Set(["role", "content", "reasoning", "reasoning_content", "refusal", "tool_calls"]);

/** The chunks of `/chat/completions` with `stream: true`. */
export class OpenAiChatStream extends ChoiceStream {
  readonly textKeys = ["content", "reasoning", "reasoning_content", "obfuscation"];
  protected readonly wire = NAME;
  private readonly calls = new Map<number, ToolCalls>();

  protected readChoice(choice: number, fields: JsonObject, events: StreamEvent[]): void {
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
  }
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
