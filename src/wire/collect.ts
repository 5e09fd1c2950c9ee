import type { AnswerBlock, AnswerChoice, ChatAnswer, FinishReason, StreamEvent } from "../core/answer.ts";
import type { Failure } from "../core/failure.ts";
import { isJsonObject, type Json, type JsonObject } from "../core/json.ts";
import { fail, ok, type Result } from "../core/result.ts";
import { mergeUsage, type Usage } from "../core/usage.ts";
import { mergeExtra } from "./extra.ts";
import { UNFINISHED } from "./frames.ts";

/** A stream's events gathered into the answer that they tell. */
export interface Collector {
  push(event: StreamEvent): void;
  /** The answer, if every choice has finished; the stream's own failure, or `backend_cut`, if not. */
  result(): Result<ChatAnswer>;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Block = AnswerBlock extends infer B ? Mutable<B> : never;

/** The blocks of one choice, in the order in which they were first heard of. */
class ChoiceCollector {
  readonly blocks: Block[] = [];
  finish: FinishReason | undefined;
  private readonly byPosition = new Map<number, Block[]>();

  /** The block of one of these types at this position; where there is none, `create` makes it. */
  at<T extends Block["type"]>(
    position: number,
    types: readonly T[],
    create: () => Extract<Block, { type: T }>,
  ): Extract<Block, { type: T }> {
    const here = this.byPosition.get(position) ?? [];
    const found = here.find((block): block is Extract<Block, { type: T }> =>
      (types as readonly string[]).includes(block.type),
    );
    if (found) return found;
    const block = create();
    this.blocks.push(block);
    this.byPosition.set(position, [...here, block]);
    return block;
  }
}

const SPOKEN_TYPES = ["text", "reasoning", "refusal"] as const;

/**
 * Collects the events of one stream of `choices` choices. Law: `collect(replay(x)) = x`. Of usage it keeps what the vocabulary has words for: what a
 * stream's usage frame says beyond it (audio tokens, accepted predictions) is lost to a caller who asked for JSON.
 */
export function collector(choices = 1, operation: ChatAnswer["operation"] = "chat"): Collector {
  const byIndex = new Map<number, ChoiceCollector>();
  let start: Extract<StreamEvent, { type: "start" }> | undefined;
  let usage: Usage | undefined;
  let extra: ChatAnswer["extra"];
  let failure: Failure | undefined;

  const choice = (index: number): ChoiceCollector => {
    const known = byIndex.get(index);
    if (known) return known;
    const created = new ChoiceCollector();
    byIndex.set(index, created);
    return created;
  };
  const isComplete = () => [...byIndex.values()].filter(({ finish }) => finish).length >= choices;

  const push = (event: StreamEvent): void => {
    switch (event.type) {
      case "start":
        start ??= event;
        return;
      case "text":
      case "reasoning":
      case "refusal": {
        const { type } = event;
        choice(event.choice).at(event.block, [type], () => ({ type, text: "" })).text += event.text;
        return;
      }
      case "signature":
        choice(event.choice).at(event.block, SPOKEN_TYPES, () => ({ type: "reasoning", text: "" })).signature =
          event.data;
        return;
      case "citation": {
        const block = choice(event.choice).at(event.block, SPOKEN_TYPES, () => ({ type: "text", text: "" }));
        block.citations = [...(block.citations ?? []), event.data];
        return;
      }
      case "tool-start": {
        const { id, name } = event;
        choice(event.choice).at(event.block, ["tool"], () => ({ type: "tool", id, name, json: "" }));
        return;
      }
      case "tool-input": {
        // Input of a tool that runs at the provider belongs to a block that we have no word for.
        const block = choice(event.choice).at(event.block, ["tool", "other"], () => ({
          type: "tool",
          id: "",
          name: "",
          json: "",
        }));
        if (block.type === "tool") block.json += event.json;
        else block.data = { ...block.data, inputJson: textOf(block.data.inputJson) + event.json };
        return;
      }
      case "logprobs":
        addOther(event.choice, event.block, { wire: "openai-chat", choice: { logprobs: event.data } });
        return;
      case "other":
        if (event.choice >= 0) addOther(event.choice, event.block, event.data);
        else if (isJsonObject(event.data.top)) {
          const fields = extra ? mergeExtra(extra.fields, event.data.top) : event.data.top;
          extra = { wire: textOf(event.data.wire), fields };
        }
        return;
      case "usage":
        usage = mergeUsage(usage, event.usage);
        return;
      case "finish":
        choice(event.choice).finish ??= event.finish;
        return;
      case "failure":
        // What comes behind the last finish cannot unsay it.
        if (!isComplete()) failure ??= event.failure;
        return;
    }
  };

  const addOther = (index: number, position: number, data: JsonObject): void => {
    let isNew = false;
    const block = choice(index).at(position, ["other"], () => {
      isNew = true;
      return { type: "other", data };
    });
    if (!isNew) block.data = mergeExtra(block.data, data);
  };

  const result = (): Result<ChatAnswer> => {
    if (failure) return fail(failure);
    if (!isComplete()) return fail({ ...UNFINISHED, detail: "no_finish" });
    const finished: AnswerChoice[] = [];
    for (const [index, { blocks, finish }] of [...byIndex].sort(([one], [other]) => one - other)) {
      if (finish) finished.push({ index, blocks, finish });
    }
    return ok({
      operation,
      id: start?.id ?? "",
      model: start?.model ?? "",
      ...(start?.createdAt !== undefined && { createdAt: start.createdAt }),
      choices: finished,
      ...(usage && { usage }),
      ...(extra && { extra }),
    });
  };

  return { push, result };
}

function textOf(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}

/** A complete answer as the events of the stream that it would have been. Usage is told early, where a format wants the input's count at the start. */
export function replay(answer: ChatAnswer): StreamEvent[] {
  const { id, model, createdAt, usage, extra } = answer;
  const events: StreamEvent[] = [{ type: "start", id, model, ...(createdAt !== undefined && { createdAt }) }];
  if (usage) events.push({ type: "usage", usage });
  if (extra) events.push({ type: "other", choice: -1, block: -1, data: { wire: extra.wire, top: extra.fields } });
  for (const { index: choice, blocks, finish } of answer.choices) {
    for (const [block, content] of blocks.entries()) events.push(...replayBlock(content, { choice, block }));
    events.push({ type: "finish", choice, finish });
  }
  return events;
}

function replayBlock(content: AnswerBlock, at: { choice: number; block: number }): StreamEvent[] {
  switch (content.type) {
    case "text":
    case "reasoning":
    case "refusal": {
      const { type, text, signature, citations = [] } = content;
      return [
        { type, ...at, text },
        ...citations.map((data) => ({ type: "citation", ...at, data }) as const),
        ...(signature === undefined ? [] : [{ type: "signature", ...at, data: signature } as const]),
      ];
    }
    case "tool": {
      const { id, name, json } = content;
      const start = { type: "tool-start", ...at, id, name } as const;
      return json === "" ? [start] : [start, { type: "tool-input", ...at, json }];
    }
    case "other":
      return [{ type: "other", ...at, data: content.data }];
  }
}
