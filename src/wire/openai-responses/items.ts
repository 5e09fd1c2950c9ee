import type { Json, JsonObject } from "../../core/json.ts";
import { isJsonObject } from "../../core/json.ts";
import { toEncrypted } from "../signatures.ts";
import type { Voice } from "./voice.ts";

interface Place {
  readonly id: string;
  readonly output_index: number;
}

interface Closed {
  /** The events that come before `response.output_item.done`. */
  readonly frames: string;
  readonly item: JsonObject;
}

type Status = "completed" | "incomplete";

interface Part {
  readonly type: "text" | "refusal";
  readonly block: number;
  readonly content_index: number;
  readonly delta: (text: string) => string;
  text: string;
  readonly annotations: Json[];
  readonly logprobs: Json[];
}

/** Kinds of annotations that clients of this format know; another format's citations are none of them. */
const ANNOTATIONS: ReadonlySet<Json | undefined> = new Set([
  "file_citation",
  "url_citation",
  "container_file_citation",
  "file_path",
]);

/** What the model says: texts and refusals, one part each. */
export class MessageItem {
  readonly output_index: number;
  readonly added: string;
  private readonly at: { readonly item_id: string; readonly output_index: number };
  private readonly voice: Voice;
  private readonly content: JsonObject[] = [];
  private part: Part | undefined;

  constructor({ id, output_index }: Place, voice: Voice) {
    this.output_index = output_index;
    this.at = { item_id: id, output_index };
    this.voice = voice;
    this.added = voice.event("response.output_item.added", { output_index, item: this.item("in_progress") });
  }

  say(type: Part["type"], block: number, text: string): string {
    const { part } = this;
    if (part?.type === type && part.block === block) {
      part.text += text;
      return part.delta(text);
    }
    const before = this.closePart();
    const content_index = this.content.length;
    const event = type === "text" ? "response.output_text.delta" : "response.refusal.delta";
    const fields = { ...this.at, content_index, ...(type === "text" && { logprobs: [] }) };
    const delta = this.voice.deltas(event, fields);
    const opened: Part = { type, block, content_index, delta, text, annotations: [], logprobs: [] };
    this.part = opened;
    const added = this.voice.event("response.content_part.added", {
      ...this.at,
      content_index,
      part: partOf({ ...opened, text: "" }),
    });
    return before + added + (text === "" ? "" : delta(text));
  }

  cite(annotation: Json): string {
    const { part } = this;
    if (part?.type !== "text" || !isJsonObject(annotation) || !ANNOTATIONS.has(annotation.type)) return "";
    const annotation_index = part.annotations.push(annotation) - 1;
    const { content_index } = part;
    return this.voice.event("response.output_text.annotation.added", {
      ...this.at,
      content_index,
      annotation_index,
      annotation,
    });
  }

  /** Log probabilities of what was said last, in an event without a text of its own. */
  weigh(logprobs: readonly Json[]): string {
    const { part } = this;
    if (part?.type !== "text" || logprobs.length === 0) return "";
    part.logprobs.push(...logprobs);
    return this.voice.event("response.output_text.delta", {
      ...this.at,
      content_index: part.content_index,
      delta: "",
      logprobs,
    });
  }

  close(status: Status): Closed {
    const frames = this.closePart();
    return { frames, item: this.item(status) };
  }

  private closePart(): string {
    const { part } = this;
    if (!part) return "";
    this.part = undefined;
    const { content_index, text, logprobs } = part;
    const said = partOf(part);
    this.content.push(said);
    const at = { ...this.at, content_index };
    const done =
      part.type === "text"
        ? this.voice.event("response.output_text.done", { ...at, text, logprobs })
        : this.voice.event("response.refusal.done", { ...at, refusal: text });
    return done + this.voice.event("response.content_part.done", { ...at, part: said });
  }

  private item(status: Status | "in_progress"): JsonObject {
    return { id: this.at.item_id, type: "message", status, role: "assistant", content: [...this.content] };
  }
}

function partOf({
  type,
  text,
  annotations,
  logprobs,
}: Pick<Part, "type" | "text" | "annotations" | "logprobs">): JsonObject {
  if (type === "refusal") return { type, refusal: text };
  return { type: "output_text", text, annotations: [...annotations], logprobs: [...logprobs] };
}

/**
 * What the model thought, as a summary: that is where clients look for it, whether a provider sums it up or (as open models do) gives
 * it whole.
 */
export class ReasoningItem {
  readonly output_index: number;
  readonly block: number;
  readonly added: string;
  signature: Json = null;
  private text: string | undefined;
  private readonly at: { readonly item_id: string; readonly output_index: number; readonly summary_index: number };
  private readonly voice: Voice;
  private readonly delta: (text: string) => string;

  constructor({ id, output_index }: Place, block: number, voice: Voice) {
    this.output_index = output_index;
    this.block = block;
    this.at = { item_id: id, output_index, summary_index: 0 };
    this.voice = voice;
    this.delta = voice.deltas("response.reasoning_summary_text.delta", this.at);
    this.added = voice.event("response.output_item.added", {
      output_index,
      item: { id, type: "reasoning", summary: [] },
    });
  }

  say(text: string): string {
    const added =
      this.text === undefined
        ? this.voice.event("response.reasoning_summary_part.added", { ...this.at, part: summaryOf("") })
        : "";
    this.text = (this.text ?? "") + text;
    return added + (text === "" ? "" : this.delta(text));
  }

  close(): Closed {
    const { text } = this;
    const encrypted = toEncrypted(this.signature);
    const item = {
      id: this.at.item_id,
      type: "reasoning",
      summary: text === undefined ? [] : [summaryOf(text)],
      ...(encrypted !== undefined && { encrypted_content: encrypted }),
    };
    if (text === undefined) return { frames: "", item };
    const frames =
      this.voice.event("response.reasoning_summary_text.done", { ...this.at, text }) +
      this.voice.event("response.reasoning_summary_part.done", { ...this.at, part: summaryOf(text) });
    return { frames, item };
  }
}

const summaryOf = (text: string): JsonObject => ({ type: "summary_text", text });

/** A function call whose arguments come in pieces. */
export interface CallItem {
  readonly output_index: number;
  readonly added: string;
  add(json: string): string;
  close(status: Status): Closed;
}

export function startCall(call: Place & { readonly call_id: string; readonly name: string }, voice: Voice): CallItem {
  const { id, output_index, call_id, name } = call;
  const at = { item_id: id, output_index };
  let json = "";
  const item = (status: Status | "in_progress") => ({
    id,
    type: "function_call",
    status,
    call_id,
    name,
    arguments: json,
  });
  return {
    output_index,
    added: voice.event("response.output_item.added", { output_index, item: item("in_progress") }),
    add(delta) {
      json += delta;
      return voice.event("response.function_call_arguments.delta", { ...at, delta });
    },
    close(status) {
      const frames = voice.event("response.function_call_arguments.done", { ...at, name, arguments: json });
      return { frames, item: item(status) };
    },
  };
}
