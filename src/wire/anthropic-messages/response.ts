import type { Answer, AnswerBlock, ChatAnswer } from "../../core/answer.ts";
import { isJsonObject, type Json, type JsonObject } from "../../core/json.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import type { WriterContext } from "../../core/wire.ts";
import { protocolFailure } from "../frames.ts";
import { isList, rest } from "../read.ts";
import { inputOf, textOfInput } from "../tool-input.ts";
import { streamFailure } from "../upstream-failure.ts";
import { ABSENT } from "./absent.ts";
import {
  decodeFinish,
  encodeFinish,
  encodeUsage,
  extras,
  extrasOf,
  isCitation,
  NAME,
  UsageReader,
  unspokenUsage,
} from "./words.ts";

const KNOWN_MESSAGE = new Set(["id", "type", "role", "content", "model", "stop_reason", "usage"]);

/** Reads a `message`. One without a stop reason is no answer; an error under a success status is a failure. */
export function decodeAnswer(json: Json): Result<ChatAnswer> {
  if (!isJsonObject(json)) return fail(protocolFailure("answer_not_an_object"));
  if (json.type === "error" || json.error) return fail(streamFailure(json.error ?? json));
  if (!isList(json.content)) return fail(protocolFailure("answer_without_content"));
  const { stop_reason: raw, id, model } = json;
  if (typeof raw !== "string" || raw === "") return fail(protocolFailure("answer_without_finish"));
  const blocks: AnswerBlock[] = [];
  for (const block of json.content) {
    if (!isJsonObject(block)) return fail(protocolFailure("malformed_block"));
    blocks.push(decodeBlock(block));
  }
  const usage = new UsageReader().read(json.usage);
  const unspoken = unspokenUsage(json.usage);
  const fields = { ...rest(json, KNOWN_MESSAGE), ...(unspoken && { usage: unspoken }) };
  return ok({
    operation: "chat",
    id: typeof id === "string" ? id : "",
    model: typeof model === "string" ? model : "",
    choices: [{ index: 0, blocks, finish: decodeFinish(raw) }],
    ...(usage && { usage }),
    ...(Object.keys(fields).length > 0 && { extra: { wire: NAME, fields } }),
  });
}

function decodeBlock(block: JsonObject): AnswerBlock {
  const { type, text, thinking, signature, citations, id, name, input } = block;
  if (type === "text" && typeof text === "string") {
    return { type: "text", text, ...(isList(citations) && citations.length > 0 && { citations }) };
  }
  if (type === "thinking" && typeof thinking === "string") {
    return { type: "reasoning", text: thinking, ...(signature && { signature }) };
  }
  if (type === "tool_use" && typeof id === "string" && typeof name === "string") {
    return { type: "tool", id, name, json: textOfInput(isJsonObject(input) ? input : {}) };
  }
  return { type: "other", data: extras({ block }) };
}

/** Writes a `message` under the id and model name of `context`. The format has one choice. */
export function encodeAnswer(answer: Answer, context: WriterContext): Json {
  if (answer.operation !== "chat") throw new Error("a chat format was asked to write another operation's answer");
  const own = answer.extra?.wire === NAME ? answer.extra.fields : {};
  const { usage: unspoken, ...fields } = own;
  const [choice] = answer.choices;
  const has = (type: AnswerBlock["type"]) => choice?.blocks.some((block) => block.type === type) ?? false;
  return {
    id: context.id,
    type: "message",
    role: "assistant",
    model: context.model,
    content: (choice?.blocks ?? []).flatMap(encodeBlock),
    stop_reason: choice ? encodeFinish(choice.finish, { tools: has("tool"), refusal: has("refusal") }) : null,
    stop_sequence: null,
    usage: { ...ABSENT.usage, ...encodeUsage(answer.usage ?? {}, isJsonObject(unspoken) ? unspoken : {}) },
    ...ABSENT.message,
    ...fields,
  };
}

function encodeBlock(block: AnswerBlock): JsonObject[] {
  switch (block.type) {
    case "text":
    case "refusal": {
      const citations = block.citations?.filter(isCitation) ?? [];
      return [{ type: "text", text: block.text, ...ABSENT.text, ...(citations.length > 0 && { citations }) }];
    }
    case "reasoning":
      return [{ type: "thinking", thinking: block.text, signature: block.signature ?? "" }];
    case "tool":
      return [
        { type: "tool_use", id: block.id, name: block.name, input: inputOf(block.json).input, ...ABSENT.toolUse },
      ];
    case "other": {
      const extra = extrasOf(block.data);
      if (!extra?.block) return [];
      return [extra.inputJson === undefined ? extra.block : { ...extra.block, input: inputOf(extra.inputJson).input }];
    }
  }
}
