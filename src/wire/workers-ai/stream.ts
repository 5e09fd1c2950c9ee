import type { StreamEvent } from "../../core/answer.ts";
import type { JsonObject } from "../../core/json.ts";
import { sseData } from "../../lib/sse.ts";
import { failed, jsonOf, NOTHING, type ParsedFrame, protocolFailure, type StreamFormat } from "../frames.ts";
import { OpenAiChatStream } from "../openai-chat/stream.ts";
import { decodeUsage } from "../openai-chat/words.ts";
import { isList } from "../read.ts";
import { streamFailure } from "../upstream-failure.ts";
import { readCall, spoken } from "./response.ts";
import { FIRST_CALL_BLOCK } from "./words.ts";

/**
 * Frames of `{"response": "a piece", "p": "padding"}`, a last one with the usage, and `[DONE]`; or OpenAI's chunks. The first kind has no word
 * for a finish: there `[DONE]` behind an answer without an error is the finish, since nothing else is said when it is complete, and a stream
 * that breaks off has none.
 */
export class WorkersAiStream implements StreamFormat {
  readonly textKeys = ["response", "p", "content", "reasoning_content"];
  private readonly chat = new OpenAiChatStream();
  private begun: boolean = false;
  private ended: boolean = false;
  private calls: number = 0;

  read(raw: Uint8Array): ParsedFrame {
    const text = sseData(raw)?.trim();
    if (text === undefined || text === "") return NOTHING;
    if (text === "[DONE]") return this.close();
    const frame = jsonOf(text);
    if (!frame) return failed(protocolFailure("malformed_frame"));
    const parsed = isList(frame.choices) ? this.chat.read(raw) : this.own(frame);
    if (parsed.events.some(({ type }) => type === "finish" || type === "failure")) this.ended = true;
    this.begun = true;
    return parsed;
  }

  private close(): ParsedFrame {
    const isFinish = this.begun && !this.ended;
    this.ended = true;
    const kind =
      this.calls > 0 ? ({ kind: "tool", raw: "tool_calls" } as const) : ({ kind: "stop", raw: "stop" } as const);
    return { events: isFinish ? [{ type: "finish", choice: 0, finish: kind }] : [], terminal: true };
  }

  private own(frame: JsonObject): ParsedFrame {
    const { response, tool_calls: calls, error, errors } = frame;
    if (error || isList(errors)) return failed(streamFailure(error ?? (isList(errors) ? (errors[0] ?? null) : null)));
    const usage = decodeUsage(frame.usage);
    if (response === undefined && !isList(calls) && !usage) return failed(protocolFailure("frame_without_response"));
    const events: StreamEvent[] = [];
    const text = spoken(response);
    if (text !== "") events.push({ type: "text", choice: 0, block: 0, text });
    for (const call of isList(calls) ? calls : []) {
      const read = readCall(call, this.calls);
      if (!read) return failed(protocolFailure("malformed_tool_call"));
      const at = { choice: 0, block: FIRST_CALL_BLOCK + this.calls++ };
      events.push({ type: "tool-start", ...at, id: read.id, name: read.name });
      if (read.json !== "") events.push({ type: "tool-input", ...at, json: read.json });
    }
    if (usage) events.push({ type: "usage", usage });
    return { events, terminal: false };
  }
}
