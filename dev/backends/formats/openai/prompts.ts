/** One prompt or embedding input: text, or token ids that stand for it. */
export interface PlainPrompt {
  readonly text: string;
  /** Known beforehand where the input was token ids. */
  readonly tokenCount: number | undefined;
}

function isTokenIds(value: unknown): value is number[] {
  return Array.isArray(value) && value.length > 0 && value.every((entry) => Number.isInteger(entry));
}

function onePrompt(value: unknown): PlainPrompt | undefined {
  if (typeof value === "string") return { text: value, tokenCount: undefined };
  if (isTokenIds(value)) return { text: value.join(" "), tokenCount: value.length };
  return undefined;
}

/** Reads the four forms: a text, texts, token ids, lists of token ids. Undefined when it is none of them. */
export function promptsOf(value: unknown): PlainPrompt[] | undefined {
  const single = onePrompt(value);
  if (single !== undefined) return [single];
  if (!Array.isArray(value) || value.length === 0) return undefined;
  const prompts = value.map(onePrompt);
  return prompts.every((prompt) => prompt !== undefined) ? prompts : undefined;
}
