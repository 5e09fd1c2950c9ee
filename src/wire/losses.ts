import type { StreamEvent } from "../core/answer.ts";
import { isJsonObject, type JsonObject } from "../core/json.ts";
import type { Translation, WireName } from "../core/wire.ts";

/** What an answer may say and a caller's format has no place for. */
const UNSAID: { readonly [Wire in WireName]?: ReadonlySet<StreamEvent["type"]> } = {
  "openai-chat": new Set(["signature", "citation"]),
  "anthropic-messages": new Set(["logprobs"]),
  "openai-responses": new Set(["citation"]),
};

/** What is told in other words: here a refusal is a text and a stop reason. */
const MAPPED: { readonly [Wire in WireName]?: ReadonlySet<StreamEvent["type"]> } = {
  "anthropic-messages": new Set(["refusal"]),
};

/** What becomes of the parts of one answer on their way into another format; each is told once. */
export class AnswerLosses {
  private readonly to: WireName;
  private readonly notes: Translation[];

  /** Losses are added to `notes`, by names that begin with `answer.`. */
  constructor(to: WireName, notes: Translation[]) {
    this.to = to;
    this.notes = notes;
  }

  see(event: StreamEvent): void {
    switch (event.type) {
      // Nearly all events there are.
      case "text":
      case "reasoning":
      case "tool-input":
        return;
      case "other":
        if (event.data.wire !== this.to) for (const name of namesIn(event.data)) this.note(name, "dropped");
        return;
      default:
        if (UNSAID[this.to]?.has(event.type)) this.note(event.type, "dropped");
        else if (MAPPED[this.to]?.has(event.type)) this.note(event.type, "mapped");
    }
  }

  private note(name: string, what: Translation["what"]): void {
    const field = `answer.${name}`;
    if (!this.notes.some((noted) => noted.field === field)) this.notes.push({ field, what });
  }
}

/** The fields of another format that no other has a word for: of a choice, a message, the whole; a block goes by its type. */
function namesIn(data: JsonObject): readonly string[] {
  const names: string[] = [];
  for (const part of ["top", "choice", "message"] as const) {
    const fields = data[part];
    if (isJsonObject(fields)) names.push(...Object.keys(fields));
  }
  const { block } = data;
  if (isJsonObject(block) && typeof block.type === "string") names.push(block.type);
  return names;
}
