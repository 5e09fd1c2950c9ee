import type { WriterContext } from "../../core/wire.ts";
import { ChoiceWriter, type Said } from "../openai-chat/choice-writer.ts";
import type { Extras } from "../openai-chat/words.ts";
import { NAME } from "./words.ts";

/** Writes `text_completion` frames. A completion has text and nothing else. */
export class OpenAiCompletionsWriter extends ChoiceWriter {
  protected readonly wire = NAME;
  protected readonly empty = { text: "" };
  /** OpenAI's SDK has no null for it here. */
  protected readonly noUsageYet = {};

  constructor(context: WriterContext) {
    super(context, "text_completion");
  }

  protected say(event: Said): string {
    return event.type === "text" ? this.piece(event.choice, { text: event.text }) : "";
  }

  protected add(choice: number, extra: Extras): string {
    return this.piece(choice, this.empty, extra.choice);
  }
}
