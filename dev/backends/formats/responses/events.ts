import type { JsonObject } from "../../json.ts";
import type { Ask, Turn } from "../../operation.ts";
import type { Step } from "../../script.ts";
import type { Answer } from "../../text/answer.ts";
import { inputOf } from "../../text/calls.ts";
import { textAnnotations } from "../openai/citations.ts";
import { callItem, isSummarised, itemIds, messageItem, messagePart, reasoningItem, statusOf } from "./output.ts";

/** Collects the named events of one stream; each carries the next sequence number. */
export class EventWriter {
  readonly steps: Step[] = [];
  private tokens = 0;

  /** An event outside the tokens. */
  add(kind: Step["kind"], data: JsonObject): void {
    this.steps.push({ ...this.step(kind, data, this.tokens), tokens: 0 });
  }

  /** An event that delivers tokens. */
  token(data: JsonObject, tokens: number): void {
    this.tokens += tokens;
    this.steps.push({ ...this.step("token", data, Math.max(1, this.tokens)), tokens });
  }

  private step(kind: Step["kind"], { type, ...rest }: JsonObject, after: number): Step {
    const data = { type, sequence_number: this.steps.length, ...rest };
    const bytes = Buffer.from(`event: ${String(type)}\ndata: ${JSON.stringify(data)}\n\n`);
    return { kind, bytes, after, tokens: 0, frames: 1 };
  }
}

/** Writes the items of an answer, one after the other; the number of items. */
export function writeItems(writer: EventWriter, ask: Ask, turn: Turn, answer: Answer): number {
  let index = 0;
  if (answer.reasoning.length > 0) writeReasoning(writer, ask, turn, answer, index++);
  if (answer.text.length > 0) writeMessage(writer, turn, answer, index++);
  for (const call of answer.calls) writeCall(writer, answer, call, index++);
  return index;
}

function writeReasoning(writer: EventWriter, ask: Ask, turn: Turn, answer: Answer, output_index: number): void {
  const summarised = isSummarised(ask);
  const text = answer.reasoning.join("");
  const place = {
    item_id: itemIds(turn).reasoning,
    output_index,
    ...(summarised ? { summary_index: 0 } : { content_index: 0 }),
  };
  const name = summarised ? "response.reasoning_summary_text" : "response.reasoning_text";
  const part = summarised ? "response.reasoning_summary_part" : "response.content_part";
  const type = summarised ? "summary_text" : "reasoning_text";
  writer.add("opening", {
    type: "response.output_item.added",
    output_index,
    item: reasoningItem(ask, turn, undefined),
  });
  writer.add("opening", { type: `${part}.added`, ...place, part: { type, text: "" } });
  for (const delta of answer.reasoning) writer.token({ type: `${name}.delta`, ...place, delta }, 1);
  writer.add("closing", { type: `${name}.done`, ...place, text });
  writer.add("closing", { type: `${part}.done`, ...place, part: { type, text } });
  writer.add("closing", { type: "response.output_item.done", output_index, item: reasoningItem(ask, turn, text) });
}

function writeMessage(writer: EventWriter, turn: Turn, answer: Answer, output_index: number): void {
  const text = answer.text.join("");
  const place = { item_id: itemIds(turn).message, output_index, content_index: 0 };
  const name = answer.refused ? "response.refusal" : "response.output_text";
  const logprobs = answer.refused ? {} : { logprobs: [] };
  const opening = messageItem(turn, answer, undefined, "in_progress");
  writer.add("opening", { type: "response.output_item.added", output_index, item: opening });
  writer.add("opening", { type: "response.content_part.added", ...place, part: messagePart(turn, answer, "") });
  for (const delta of answer.text) writer.token({ type: `${name}.delta`, ...place, delta, ...logprobs }, 1);
  writer.add("closing", {
    type: `${name}.done`,
    ...place,
    ...(answer.refused ? { refusal: text } : { text, logprobs: [] }),
  });
  for (const [annotation_index, annotation] of textAnnotations(turn, answer).entries())
    writer.add("closing", { type: "response.output_text.annotation.added", ...place, annotation_index, annotation });
  writer.add("closing", { type: "response.content_part.done", ...place, part: messagePart(turn, answer, text) });
  const item = messageItem(turn, answer, text, statusOf(answer));
  writer.add("closing", { type: "response.output_item.done", output_index, item });
}

function writeCall(writer: EventWriter, answer: Answer, call: Answer["calls"][number], output_index: number): void {
  const name = "response.function_call_arguments";
  const place = { item_id: `fc_${call.id}`, output_index };
  const opening = callItem(call, "", "in_progress");
  writer.add("opening", { type: "response.output_item.added", output_index, item: opening });
  for (const { text: delta, tokens } of call.fragments)
    writer.token({ type: `${name}.delta`, ...place, delta }, tokens);
  writer.add("closing", { type: `${name}.done`, ...place, name: call.name, arguments: inputOf(call) });
  const item = callItem(call, inputOf(call), statusOf(answer));
  writer.add("closing", { type: "response.output_item.done", output_index, item });
}
