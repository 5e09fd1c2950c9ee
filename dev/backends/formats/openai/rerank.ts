import { isJsonObject, type JsonObject } from "../../json.ts";
import type { Ask, Operation, Turn } from "../../operation.ts";
import { jsonScript, type Script } from "../../script.ts";
import { embed } from "../../text/embedding.ts";
import { simulatedTokens } from "../../text/tokens.ts";
import type { WireError } from "../errors.ts";
import { validationError } from "./validation.ts";

/** `POST /v1/rerank` as vLLM speaks it, which is the form of Jina and Cohere. */
export const rerank: Operation = { format: "openai", purpose: "rerank", read: readRerank, write: writeRerank };

/** A text as itself, or as Jina's `{"text": …}`. */
export function textOfDocument(document: unknown): string | undefined {
  if (typeof document === "string") return document;
  return isJsonObject(document) && typeof document.text === "string" ? document.text : undefined;
}

/** An ask that generates nothing: its texts are compared. */
export function comparisonAsk(body: JsonObject, texts: readonly string[], promptTokens: number): Ask {
  return {
    modelAsked: typeof body.model === "string" ? body.model : "simulated-rerank",
    prompts: texts.map((text) => ({ texts: [text], messages: 0, toolsJson: "" })),
    promptTokens,
    choices: 1,
    seed: undefined,
    maxTokens: undefined,
    stops: [],
    ignoreEnd: false,
    stream: false,
    includeUsage: false,
    body,
  };
}

/** How near two texts are, from 0 to 1, by the simulator's own embeddings. */
export function similarity(left: string, right: string): number {
  const [first, second] = [embed(left), embed(right)];
  let product = 0;
  for (const [index, value] of first.entries()) product += value * (second[index] ?? 0);
  return Math.min(1, Math.max(0, Number(product.toFixed(6))));
}

/** Marks the only piece of a comparison as the whole answer; it waits for the first token's time like any forward pass. */
export function comparisonScript(ask: Ask, body: JsonObject): Script {
  const script = jsonScript(200, body);
  const usage = { promptTokens: ask.promptTokens, completionTokens: 0 };
  const steps = script.steps.map((step) => ({ ...step, after: 1, finish: true, usage }));
  return { ...script, steps, generates: true, promptTokens: ask.promptTokens };
}

function readRerank(body: JsonObject): Ask | WireError {
  const { query, documents, top_n: top } = body;
  const queryText = textOfDocument(query);
  if (query === undefined) return validationError("missing", ["query"], "Field required", body);
  if (queryText === undefined)
    return validationError("string_type", ["query"], "Input should be a valid string", query);
  if (documents === undefined) return validationError("missing", ["documents"], "Field required", body);
  if (!Array.isArray(documents))
    return validationError("list_type", ["documents"], "Input should be a valid list", documents);
  if (documents.length === 0) return { status: 400, message: "documents must not be empty", param: "documents" };
  const texts = documents.map(textOfDocument);
  const wrong = texts.indexOf(undefined);
  if (wrong >= 0)
    return validationError("string_type", ["documents", wrong], "Input should be a valid string", documents[wrong]);
  if (top !== undefined && top !== null && !(typeof top === "number" && Number.isInteger(top)))
    return validationError("int_type", ["top_n"], "Input should be a valid integer", top);
  if (typeof top === "number" && top < 0) return { status: 400, message: "top_n must not be negative", param: "top_n" };
  const documentTexts = texts.map((text) => text ?? "");
  // Each document is read together with the query.
  const tokens = documentTexts.reduce((sum, text) => sum + simulatedTokens(text) + simulatedTokens(queryText), 0);
  return comparisonAsk(body, [queryText, ...documentTexts], tokens);
}

function writeRerank(ask: Ask, turn: Turn): Script {
  const [query = "", ...documents] = ask.prompts.map(({ texts }) => texts[0] ?? "");
  const given = ask.body.top_n;
  // vLLM: 0, null and absent mean all of them.
  const top = typeof given === "number" && given > 0 ? given : documents.length;
  const results = documents
    .map((text, index) => ({
      index,
      ...(ask.body.return_documents === false ? {} : { document: { text, multi_modal: null } }),
      relevance_score: similarity(query, text),
    }))
    .sort((left, right) => right.relevance_score - left.relevance_score)
    .slice(0, top);
  return comparisonScript(ask, {
    id: `rerank-${turn.id}`,
    model: ask.modelAsked,
    usage: { prompt_tokens: ask.promptTokens, total_tokens: ask.promptTokens },
    results,
  });
}
