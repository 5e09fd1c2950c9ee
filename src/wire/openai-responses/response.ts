import type { Answer, AnswerBlock, ChatAnswer } from "../../core/answer.ts";
import { isJsonObject, type Json, type JsonObject } from "../../core/json.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import type { WriterContext } from "../../core/wire.ts";
import { replay } from "../collect.ts";
import { protocolFailure } from "../frames.ts";
import { given, isList } from "../read.ts";
import { fromEncrypted } from "../signatures.ts";
import { answerObject, streamFailure } from "../upstream-failure.ts";
import { topOf } from "./stream.ts";
import { ResponsesWriter } from "./stream-writer.ts";
import { SILENT } from "./voice.ts";
import { decodeFinish, decodeUsage, extras, logprobsOf, NAME } from "./words.ts";

/** Reads a `response`. One that is neither completed nor incomplete is no answer; an error under a success status is a failure. */
export function decodeAnswer(body: Json): Result<ChatAnswer> {
  const answer = answerObject(body);
  if (!answer.ok) return answer;
  const json = answer.value;
  if (!isList(json.output)) return fail(protocolFailure("answer_without_output"));
  const { status, id, model, created_at: createdAt } = json;
  if (status === "failed" || status === "cancelled") return fail(streamFailure({ code: status }));
  if (status !== "completed" && status !== "incomplete") return fail(protocolFailure("answer_without_finish"));
  const blocks: AnswerBlock[] = [];
  for (const item of json.output) {
    const read = isJsonObject(item) ? readItem(item) : undefined;
    if (!read) return fail(protocolFailure("malformed_item"));
    blocks.push(...read);
  }
  const called = blocks.some(({ type }) => type === "tool");
  const usage = decodeUsage(json.usage);
  const fields = topOf(json);
  return ok({
    operation: "chat",
    id: typeof id === "string" ? id : "",
    model: typeof model === "string" ? model : "",
    ...(typeof createdAt === "number" && { createdAt }),
    choices: [{ index: 0, blocks, finish: decodeFinish(status, json.incomplete_details, called) }],
    ...(usage && { usage }),
    ...(fields && { extra: { wire: NAME, fields } }),
  });
}

/** The blocks of one output item; undefined where it is not of the format. */
function readItem(item: JsonObject): AnswerBlock[] | undefined {
  switch (item.type) {
    case "message":
      return isList(item.content)
        ? item.content.flatMap((part) => (isJsonObject(part) ? readPart(part) : []))
        : undefined;
    case "function_call": {
      const { call_id: id, name, arguments: json } = item;
      if (typeof id !== "string" || typeof name !== "string") return undefined;
      return [{ type: "tool", id, name, json: typeof json === "string" ? json : "" }];
    }
    case "reasoning":
      return readReasoning(item);
    default:
      return [{ type: "other", data: extras({ block: item }) }];
  }
}

function readPart(part: JsonObject): AnswerBlock[] {
  const { type, text, refusal, annotations, logprobs } = part;
  if (type === "refusal" && typeof refusal === "string") return [{ type, text: refusal }];
  if (type !== "output_text" || typeof text !== "string") return [];
  const citations = isList(annotations) && annotations.length > 0 ? annotations : undefined;
  const weighed: AnswerBlock[] =
    isList(logprobs) && logprobs.length > 0
      ? [{ type: "other", data: { wire: "openai-chat", choice: { logprobs: logprobsOf(logprobs) } } }]
      : [];
  return [{ type: "text", text, ...given({ citations }) }, ...weighed];
}

/** One block for each part of the summary, or of the content where there is one; what only the provider can read belongs to the first. */
function readReasoning(item: JsonObject): AnswerBlock[] {
  const textsOf = (parts: Json | undefined) =>
    (isList(parts) ? parts : []).flatMap((part) =>
      isJsonObject(part) && typeof part.text === "string" ? [part.text] : [],
    );
  const texts = [...textsOf(item.summary), ...textsOf(item.content)];
  const signature = fromEncrypted(item.encrypted_content);
  if (texts.length === 0 && signature !== undefined) texts.push("");
  return texts.map((text, i) => ({ type: "reasoning", text, ...(i === 0 && given({ signature })) }));
}

/** Writes a `response` under the id, model name and time of `context`. The format has one choice. */
export function encodeAnswer(answer: Answer, context: WriterContext): Json {
  if (answer.operation !== "chat") throw new Error("a chat format was asked to write another operation's answer");
  const writer = new ResponsesWriter(context, SILENT);
  for (const event of replay(answer)) writer.write(event);
  return writer.finished();
}
