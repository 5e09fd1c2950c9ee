import type { StreamEvent } from "../../core/answer.ts";
import { isJsonObject, type Json, type JsonObject } from "../../core/json.ts";
import { sseData, sseFields } from "../../lib/sse.ts";
import { failed, NOTHING, type ParsedFrame, protocolFailure, type StreamFormat } from "../frames.ts";
import { decodeFinish, decodeUsage, isBroken } from "../openai-chat/words.ts";
import { isList, rest } from "../read.ts";
import { streamFailure } from "../upstream-failure.ts";
import { EXTRA_BLOCK, extras, TEXT_BLOCK } from "./words.ts";

const KNOWN_TOP = new Set(["id", "object", "created", "model", "choices", "usage", "obfuscation"]);
const KNOWN_CHOICE = new Set(["index", "text", "finish_reason"]);

/** The chunks of `/completions` with `stream: true`: the whole answer's form, each with a piece of the text. */
export class OpenAiCompletionsStream implements StreamFormat {
  readonly textKeys = ["text", "obfuscation"];
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

function startOf({ id, model, created }: JsonObject): StreamEvent {
  return {
    type: "start",
    id: typeof id === "string" ? id : "",
    model: typeof model === "string" ? model : "",
    ...(typeof created === "number" && { createdAt: created }),
  };
}

function readChoice(fields: JsonObject, events: StreamEvent[]): void {
  const choice = typeof fields.index === "number" ? fields.index : 0;
  const { text, finish_reason: raw } = fields;
  if (typeof text === "string" && text !== "") events.push({ type: "text", choice, block: TEXT_BLOCK, text });
  const beside = rest(fields, KNOWN_CHOICE);
  if (beside) events.push({ type: "other", choice, block: EXTRA_BLOCK, data: extras({ choice: beside }) });
  if (typeof raw !== "string" || raw === "") return;
  if (isBroken(raw)) events.push({ type: "failure", failure: streamFailure({ code: `finish_${raw}` }) });
  else events.push({ type: "finish", choice, finish: decodeFinish(raw) });
}
