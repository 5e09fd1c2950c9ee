import { chatRequest, textOfAnswer } from "../test/support/caller.ts";
import type { TestStack } from "../test/support/stack.ts";
import { MAX_TOKENS } from "../test/support/storm-plan.ts";
import { referencePrompt } from "./ask.ts";
import { operationOf } from "./columns.ts";
import { modelOf, nextAfter } from "./config.ts";
import type { Cell } from "./types.ts";

/** What the first target and the next say to a cell's prompt where nothing is wrong: asked of the simulated backends past the gateway, once each. */
export class References {
  readonly #stack: TestStack;
  readonly #said = new Map<string, Promise<string>>();

  constructor(stack: TestStack) {
    this.#stack = stack;
  }

  async of(cell: Cell): Promise<{ readonly first: string; readonly next: string }> {
    const { first, column } = cell;
    const operation = operationOf(column.format);
    const prompt = referencePrompt(cell);
    const [ofFirst, ofNext] = await Promise.all(
      [first, nextAfter(first)].map((backend) => this.#ask(modelOf(backend), operation, prompt)),
    );
    return { first: ofFirst ?? "", next: ofNext ?? "" };
  }

  #ask(model: string, operation: "chat" | "complete", prompt: string): Promise<string> {
    const key = `${model} ${operation} ${prompt}`;
    const said = this.#said.get(key) ?? this.#fetch(model, operation, prompt);
    this.#said.set(key, said);
    return said;
  }

  /** Both processes serve both models, and say the same. */
  async #fetch(model: string, operation: "chat" | "complete", prompt: string): Promise<string> {
    const format = operation === "chat" ? "openai-chat" : "openai-completions";
    const { path, body } = chatRequest(format, model, prompt, false, { max_tokens: MAX_TOKENS });
    const response = await fetch(`${this.#stack.home?.url}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return textOfAnswer(format, await response.text());
  }
}
