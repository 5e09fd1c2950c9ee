import type { StreamEvent } from "../../core/answer.ts";
import { isJsonObject, type JsonObject } from "../../core/json.ts";
import { sseData, sseFields } from "../../lib/sse.ts";
import { DONE, failed, jsonOf, NOTHING, type ParsedFrame, protocolFailure, type StreamFormat } from "../frames.ts";
import { isList, rest } from "../read.ts";
import { streamFailure } from "../upstream-failure.ts";
import { decodeFinish, decodeUsage, extras, isBroken } from "./words.ts";

/** `obfuscation` is padding against eavesdroppers, different in each frame. */
const KNOWN_TOP = new Set(["id", "object", "created", "model", "choices", "usage", "obfuscation"]);

/** The chunks of OpenAI's two formats whose streams are pieces of choices, from OpenAI, vLLM and those who speak like them. */
export abstract class ChoiceStream implements StreamFormat {
  abstract readonly textKeys: readonly string[];
  protected abstract readonly wire: string;
  private started: boolean = false;

  /** What a chunk says of one choice, but for its finish. */
  protected abstract readChoice(choice: number, fields: JsonObject, events: StreamEvent[]): void;

  read(raw: Uint8Array): ParsedFrame {
    const { data, event } = raw[0] === 0x64 ? { data: sseData(raw), event: undefined } : sseFields(raw);
    const text = data?.trim();
    if (text === undefined || text === "") return NOTHING;
    if (text === "[DONE]") return DONE;
    const chunk = jsonOf(text);
    if (!chunk) return failed(protocolFailure("malformed_frame"));
    if (chunk.error) return failed(streamFailure(chunk.error));
    if (event === "error" || chunk.object === "error") return failed(streamFailure(chunk));
    const usage = decodeUsage(chunk.usage);
    if (!isList(chunk.choices) && !usage) return failed(protocolFailure("frame_without_choices"));
    const events: StreamEvent[] = [];
    if (!this.started) {
      this.started = true;
      events.push(startOf(chunk));
      const top = rest(chunk, KNOWN_TOP);
      if (top) events.push({ type: "other", choice: -1, block: -1, data: extras({ top }, this.wire) });
    }
    for (const fields of isList(chunk.choices) ? chunk.choices : []) {
      if (!isJsonObject(fields)) return failed(protocolFailure("malformed_choice"));
      const choice = typeof fields.index === "number" ? fields.index : 0;
      this.readChoice(choice, fields, events);
      const { finish_reason: raw } = fields;
      if (typeof raw !== "string" || raw === "") continue;
      if (isBroken(raw)) events.push({ type: "failure", failure: streamFailure({ code: `finish_${raw}` }) });
      else events.push({ type: "finish", choice, finish: decodeFinish(raw) });
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
