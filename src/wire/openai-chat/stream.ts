import type { StreamEvent } from "../../core/answer.ts";
import { isJsonObject, type Json, type JsonObject } from "../../core/json.ts";
import { sseData, sseFields } from "../../lib/sse.ts";
import { failed, NOTHING, type ParsedFrame, protocolFailure, type StreamFormat } from "../frames.ts";
import { isList, rest } from "../read.ts";
import { streamFailure } from "../upstream-failure.ts";
import { decodeFinish, decodeUsage, extras, isBroken } from "./words.ts";

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
      readChoice(choice, events);
    }
    if (usage) events.push({ type: "usage", usage });
    return { events, terminal: false };
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

function readChoice(fields: JsonObject, events: StreamEvent[]): void {
  const choice = typeof fields.index === "number" ? fields.index : 0;
  const delta = isJsonObject(fields.delta) ? fields.delta : {};
  const say = (type: "text" | "reasoning" | "refusal", block: number, text: Json | undefined) => {
    if (typeof text === "string" && text !== "") events.push({ type, choice, block, text });
  };
  // `reasoning_content` is the older name; a backend that sends both says the same twice.
  say("reasoning", REASONING_BLOCK, delta.reasoning ?? delta.reasoning_content);
  say("text", TEXT_BLOCK, delta.content);
  say("refusal", REFUSAL_BLOCK, delta.refusal);
  for (const [position, call] of (isList(delta.tool_calls) ? delta.tool_calls : []).entries()) {
    if (isJsonObject(call)) readToolCall(call, position, choice, events);
  }
  if (isJsonObject(fields.logprobs)) {
    events.push({ type: "logprobs", choice, block: EXTRA_BLOCK, data: fields.logprobs });
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

/** The first fragment of a call has its id and name, the others pieces of its arguments. */
function readToolCall(call: JsonObject, position: number, choice: number, events: StreamEvent[]): void {
  const block = TOOL_BLOCK + (typeof call.index === "number" ? call.index : position);
  const { id } = call;
  const { name, arguments: json } = isJsonObject(call.function) ? call.function : {};
  if (typeof id === "string" && id !== "" && typeof name === "string") {
    events.push({ type: "tool-start", choice, block, id, name });
  }
  if (typeof json === "string" && json !== "") events.push({ type: "tool-input", choice, block, json });
}
