import type { StreamEvent } from "../../core/answer.ts";
import { isJsonObject, type Json, type JsonObject } from "../../core/json.ts";
import { sseFields } from "../../lib/sse.ts";
import { DONE, failed, jsonOf, NOTHING, type ParsedFrame, protocolFailure, type StreamFormat } from "../frames.ts";
import { rest } from "../read.ts";
import { streamFailure } from "../upstream-failure.ts";
import { decodeFinish, extras, UsageReader, unspokenUsage } from "./words.ts";

const KNOWN_MESSAGE = new Set(["id", "type", "role", "content", "model", "stop_reason", "usage"]);
const KNOWN_DELTA = new Set(["stop_reason"]);

/** The events of `/v1/messages` with `stream: true`. The format has one choice; its blocks have indexes of their own. */
export class AnthropicStream implements StreamFormat {
  readonly textKeys = ["text", "thinking"];
  private readonly usage = new UsageReader();
  /** The open call of a tool, as long as nothing of its input has come: none may come, where the tool takes none. */
  private silentCall: number | undefined;

  read(raw: Uint8Array): ParsedFrame {
    const { data, event } = sseFields(raw);
    if (data === undefined || data.trim() === "") return NOTHING;
    const json = jsonOf(data);
    if (!json) return failed(protocolFailure("malformed_frame"));
    if (event === "error" || json.type === "error") return failed(streamFailure(json.error ?? json));
    switch (json.type) {
      case "message_start":
        return this.messageStart(json.message);
      case "content_block_start":
        return said(this.noticeCalls(blockStart(json)));
      case "content_block_delta":
        return said(this.noticeCalls(blockDelta(json)));
      case "content_block_stop":
        return this.blockStop(json);
      case "message_delta":
        return this.messageDelta(json);
      case "message_stop":
        return DONE;
      default:
        // `ping`, and event types that are yet to come, which clients are told to ignore.
        return typeof json.type === "string" ? NOTHING : failed(protocolFailure("frame_without_type"));
    }
  }

  private noticeCalls(events: StreamEvent[]): StreamEvent[] {
    for (const event of events) {
      if (event.type === "tool-start") this.silentCall = event.block;
      else if (event.type === "tool-input") this.silentCall = undefined;
    }
    return events;
  }

  private blockStop(json: JsonObject): ParsedFrame {
    const at = position(json);
    if (this.silentCall !== at.block) return NOTHING;
    this.silentCall = undefined;
    return said([{ type: "tool-input", ...at, json: "{}" }]);
  }

  private messageStart(message: Json | undefined): ParsedFrame {
    if (!isJsonObject(message)) return failed(protocolFailure("malformed_frame"));
    const { id, model } = message;
    const start: StreamEvent = {
      type: "start",
      id: typeof id === "string" ? id : "",
      model: typeof model === "string" ? model : "",
    };
    return said([start, ...this.report(message.usage, rest(message, KNOWN_MESSAGE))]);
  }

  private messageDelta({ delta, usage }: JsonObject): ParsedFrame {
    const fields = isJsonObject(delta) ? delta : {};
    const { stop_reason: raw } = fields;
    const finish: StreamEvent[] =
      typeof raw === "string" && raw !== "" ? [{ type: "finish", choice: 0, finish: decodeFinish(raw) }] : [];
    return said([...this.report(usage, rest(fields, KNOWN_DELTA)), ...finish]);
  }

  private report(value: Json | undefined, beside: JsonObject | undefined): StreamEvent[] {
    const events: StreamEvent[] = [];
    const usage = this.usage.read(value);
    const unspoken = unspokenUsage(value);
    if (usage) events.push({ type: "usage", usage });
    if (beside || unspoken) {
      const data = extras({ top: { ...beside, ...(unspoken && { usage: unspoken }) } });
      events.push({ type: "other", choice: -1, block: -1, data });
    }
    return events;
  }
}

function said(events: readonly StreamEvent[]): ParsedFrame {
  return { events, terminal: false };
}

function position({ index }: JsonObject) {
  return { choice: 0, block: typeof index === "number" ? index : 0 };
}

/** A block that starts empty says nothing yet: its type is seen again in its deltas. */
function blockStart(json: JsonObject): StreamEvent[] {
  const at = position(json);
  const block = isJsonObject(json.content_block) ? json.content_block : {};
  switch (block.type) {
    case "text":
      return text("text", at, block.text);
    case "thinking":
      return [...text("reasoning", at, block.thinking), ...signature(at, block.signature)];
    case "tool_use": {
      const { id, name, input } = block;
      if (typeof id !== "string" || typeof name !== "string")
        return failed(protocolFailure("malformed_tool_use")).events.slice();
      const whole = isJsonObject(input) && Object.keys(input).length > 0;
      return [
        { type: "tool-start", ...at, id, name },
        ...(whole ? ([{ type: "tool-input", ...at, json: JSON.stringify(input) }] as const) : []),
      ];
    }
    default:
      return [{ type: "other", ...at, data: extras({ block }) }];
  }
}

function blockDelta(json: JsonObject): StreamEvent[] {
  const at = position(json);
  const delta = isJsonObject(json.delta) ? json.delta : {};
  switch (delta.type) {
    case "text_delta":
      return text("text", at, delta.text);
    case "thinking_delta":
      return text("reasoning", at, delta.thinking);
    case "signature_delta":
      return signature(at, delta.signature);
    case "input_json_delta":
      return typeof delta.partial_json === "string" && delta.partial_json !== ""
        ? [{ type: "tool-input", ...at, json: delta.partial_json }]
        : [];
    case "citations_delta":
      return delta.citation ? [{ type: "citation", ...at, data: delta.citation }] : [];
    default:
      return [{ type: "other", ...at, data: extras({ deltas: [delta] }) }];
  }
}

type Position = ReturnType<typeof position>;

function text(type: "text" | "reasoning", at: Position, value: Json | undefined): StreamEvent[] {
  return typeof value === "string" && value !== "" ? [{ type, ...at, text: value }] : [];
}

function signature(at: Position, value: Json | undefined): StreamEvent[] {
  return value === undefined || value === null || value === "" ? [] : [{ type: "signature", ...at, data: value }];
}
