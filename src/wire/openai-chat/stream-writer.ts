import type { WriterContext } from "../../core/wire.ts";
import { ChoiceWriter, type Said } from "./choice-writer.ts";
import { type Extras, encodeLogprobs, NAME } from "./words.ts";

/** Writes `chat.completion.chunk` frames: for each choice a chunk with the role first, then its deltas. */
export class OpenAiChatWriter extends ChoiceWriter {
  protected readonly wire = NAME;
  protected readonly empty = { delta: {} };
  protected readonly noUsageYet = { usage: null };
  /** Position of each tool call among its choice's calls, by choice and block. */
  private readonly calls = new Map<number, number[]>();

  constructor(context: WriterContext) {
    super(context, "chat.completion.chunk");
  }

  protected override opening(choice: number): string {
    return this.chunk(choice, { delta: { role: "assistant", content: "" } });
  }

  protected say(event: Said): string {
    switch (event.type) {
      case "text":
        return this.piece(event.choice, { delta: { content: event.text } });
      case "reasoning":
      case "refusal":
        return this.piece(event.choice, { delta: { [event.type]: event.text } });
      case "tool-start": {
        const index = this.callIndex(event.choice, event.block);
        const call = { index, id: event.id, type: "function", function: { name: event.name, arguments: "" } };
        return this.piece(event.choice, { delta: { tool_calls: [call] } });
      }
      case "tool-input": {
        // Input of a block that is no call here: of a tool that runs at the provider.
        const index = this.calls.get(event.choice)?.indexOf(event.block) ?? -1;
        if (index === -1) return "";
        return this.piece(event.choice, { delta: { tool_calls: [{ index, function: { arguments: event.json } }] } });
      }
      case "logprobs":
        return this.piece(event.choice, this.empty, { logprobs: encodeLogprobs(event.data) });
      // Signatures and citations are another format's.
      case "signature":
      case "citation":
        return "";
    }
  }

  protected add(choice: number, { message = {}, choice: beside = {} }: Extras): string {
    return this.piece(choice, { delta: message }, { ...beside, logprobs: encodeLogprobs(beside.logprobs) });
  }

  private callIndex(choice: number, block: number): number {
    const blocks = this.calls.get(choice) ?? [];
    this.calls.set(choice, blocks);
    const known = blocks.indexOf(block);
    return known === -1 ? blocks.push(block) - 1 : known;
  }
}
