import type { StreamEvent } from "../../core/answer.ts";
import type { JsonObject } from "../../core/json.ts";
import { ChoiceStream } from "../openai-chat/choice-stream.ts";
import { extras } from "../openai-chat/words.ts";
import { rest } from "../read.ts";
import { EXTRA_BLOCK, NAME, TEXT_BLOCK } from "./words.ts";

const KNOWN_CHOICE = new Set(["index", "text", "finish_reason"]);

/** The chunks of `/completions` with `stream: true`: the whole answer's form, each with a piece of the text. */
export class OpenAiCompletionsStream extends ChoiceStream {
  readonly textKeys = ["text", "obfuscation"];
  protected readonly wire = NAME;

  protected readChoice(choice: number, fields: JsonObject, events: StreamEvent[]): void {
    const { text } = fields;
    if (typeof text === "string" && text !== "") events.push({ type: "text", choice, block: TEXT_BLOCK, text });
    const beside = rest(fields, KNOWN_CHOICE);
    if (beside) events.push({ type: "other", choice, block: EXTRA_BLOCK, data: extras({ choice: beside }, NAME) });
  }
}
