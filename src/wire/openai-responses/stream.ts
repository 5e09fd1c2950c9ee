import type { StreamEvent } from "../../core/answer.ts";
import { isJsonObject, type Json, type JsonObject } from "../../core/json.ts";
import { sseFields } from "../../lib/sse.ts";
import { DONE, failed, jsonOf, NOTHING, type ParsedFrame, protocolFailure, type StreamFormat } from "../frames.ts";
import { given, isList, rest } from "../read.ts";
import { fromEncrypted } from "../signatures.ts";
import { streamFailure } from "../upstream-failure.ts";
import { KNOWN_TOP } from "./shape.ts";
import { blockAt, decodeFinish, decodeUsage, extras, logprobsOf, unspokenUsage } from "./words.ts";

/** The events of `/responses` with `stream: true`. The last one holds the finish, the usage and all that was said; nothing comes behind it. */
export class ResponsesStream implements StreamFormat {
  /** `obfuscation` is padding against eavesdroppers, different in each frame. */
  readonly textKeys = ["delta", "obfuscation"];
  readonly numberKeys = ["sequence_number"];
  private started: boolean = false;
  private called: boolean = false;

  read(raw: Uint8Array): ParsedFrame {
    const { data, event } = sseFields(raw);
    const text = data?.trim();
    if (text === undefined || text === "") return NOTHING;
    if (text === "[DONE]") return DONE;
    const json = jsonOf(text);
    if (!json) return failed(protocolFailure("malformed_frame"));
    if (event === "error" || json.type === "error" || json.error) return failed(streamFailure(json.error ?? json));
    if (typeof json.type !== "string") return failed(protocolFailure("frame_without_type"));
    return this.event(json, json.type);
  }

  private event(json: JsonObject, type: string): ParsedFrame {
    const part = blockAt(json.output_index, json.content_index);
    switch (type) {
      case "response.created":
      case "response.queued":
      case "response.in_progress":
        return { events: this.start(json.response), terminal: false };
      case "response.output_text.delta":
        return said([...spoken("text", part, json.delta), ...weighed(part, json.logprobs)]);
      case "response.refusal.delta":
        return said(spoken("refusal", part, json.delta));
      case "response.reasoning_summary_text.delta":
        return said(spoken("reasoning", blockAt(json.output_index, json.summary_index), json.delta));
      case "response.reasoning_text.delta":
        return said(spoken("reasoning", blockAt(json.output_index, json.content_index, 1), json.delta));
      case "response.output_text.annotation.added":
        return isJsonObject(json.annotation)
          ? said([{ type: "citation", choice: 0, block: part, data: json.annotation }])
          : NOTHING;
      case "response.output_item.added":
        return said(this.itemAdded(json));
      case "response.function_call_arguments.delta":
        return said(input(blockAt(json.output_index, 0), json.delta));
      case "response.output_item.done":
        return said(itemDone(json));
      case "response.completed":
      case "response.incomplete":
        return this.over(json.response, type === "response.completed" ? "completed" : "incomplete");
      case "response.failed":
      case "response.cancelled":
        return failed(streamFailure((isJsonObject(json.response) && json.response.error) || { code: type.slice(9) }));
      default:
        // Ends of what was told piece by piece, and the progress of tools that the provider runs.
        return NOTHING;
    }
  }

  private start(response: Json | undefined): StreamEvent[] {
    if (this.started || !isJsonObject(response)) return [];
    this.started = true;
    const { id, model, created_at: createdAt } = response;
    const named = { id: typeof id === "string" ? id : "", model: typeof model === "string" ? model : "" };
    return [{ type: "start", ...named, ...(typeof createdAt === "number" && { createdAt }) }];
  }

  private itemAdded({ item, output_index }: JsonObject): StreamEvent[] {
    if (!isJsonObject(item) || item.type !== "function_call") return [];
    const { call_id: id, name, arguments: json } = item;
    if (typeof id !== "string" || typeof name !== "string") return [];
    this.called = true;
    const block = blockAt(output_index, 0);
    return [{ type: "tool-start", choice: 0, block, id, name }, ...input(block, json)];
  }

  private over(response: Json | undefined, status: "completed" | "incomplete"): ParsedFrame {
    if (!isJsonObject(response)) return failed(protocolFailure("response_missing"));
    const events = this.start(response);
    const top = topOf(response);
    const usage = decodeUsage(response.usage);
    if (top) events.push({ type: "other", choice: -1, block: -1, data: extras({ top }) });
    if (usage) events.push({ type: "usage", usage });
    events.push({ type: "finish", choice: 0, finish: decodeFinish(status, response.incomplete_details, this.called) });
    return { events, terminal: true };
  }
}

/** The fields of a response that the vocabulary has no word for. */
export function topOf(response: JsonObject): JsonObject | undefined {
  const top = { ...rest(response, KNOWN_TOP), ...given({ usage: unspokenUsage(response.usage) }) };
  return Object.keys(top).length > 0 ? top : undefined;
}

/** Items that were told piece by piece have said all but what only the provider can read; of a kind without a word here they are kept whole. */
function itemDone({ item, output_index }: JsonObject): StreamEvent[] {
  if (!isJsonObject(item)) return [];
  const at = { choice: 0, block: blockAt(output_index, 0) };
  if (item.type === "reasoning") {
    const data = fromEncrypted(item.encrypted_content);
    return data === undefined ? [] : [{ type: "signature", choice: 0, block: firstThought(item, output_index), data }];
  }
  if (item.type === "message" || item.type === "function_call") return [];
  return [{ type: "other", ...at, data: extras({ block: item }) }];
}

/** The first block of the item's reasoning, which the signature stands beside in a whole answer too: its summary's where there is one, else its text's. */
function firstThought({ content, summary }: JsonObject, outputIndex: Json | undefined): number {
  const hasTextAlone = isList(content) && content.length > 0 && !(isList(summary) && summary.length > 0);
  return blockAt(outputIndex, 0, hasTextAlone ? 1 : 0);
}

function said(events: readonly StreamEvent[]): ParsedFrame {
  return events.length > 0 ? { events, terminal: false } : NOTHING;
}

function spoken(type: "text" | "reasoning" | "refusal", block: number, text: Json | undefined): StreamEvent[] {
  return typeof text === "string" && text !== "" ? [{ type, choice: 0, block, text }] : [];
}

function input(block: number, json: Json | undefined): StreamEvent[] {
  return typeof json === "string" && json !== "" ? [{ type: "tool-input", choice: 0, block, json }] : [];
}

function weighed(block: number, logprobs: Json | undefined): StreamEvent[] {
  if (!isList(logprobs) || logprobs.length === 0) return [];
  return [{ type: "logprobs", choice: 0, block, data: logprobsOf(logprobs) }];
}
