import type { JsonObject } from "../../json.ts";
import type { Ask, Operation, Turn } from "../../operation.ts";
import type { Script } from "../../script.ts";
import { simulatedTokens } from "../../text/tokens.ts";
import type { WireError } from "../errors.ts";
import { comparisonAsk, comparisonScript, similarity, textOfDocument } from "./rerank.ts";
import { validationError } from "./validation.ts";

/** `POST /v1/score` as vLLM speaks it: one text against many, or as many against as many. */
export const score: Operation = { format: "openai", purpose: "rerank", read: readScore, write: writeScore };

function textsOf(value: unknown): string[] | undefined {
  const list = Array.isArray(value) ? value : [value];
  const texts = list.map(textOfDocument);
  return texts.every((text) => text !== undefined) && texts.length > 0 ? texts : undefined;
}

/** The pairs that a request compares; a string says what is wrong. */
function pairsOf(body: JsonObject): (readonly [string, string])[] | WireError {
  const sides: string[][] = [];
  for (const name of ["text_1", "text_2"]) {
    if (body[name] === undefined) return validationError("missing", [name], "Field required", body);
    const texts = textsOf(body[name]);
    if (texts === undefined)
      return validationError("string_type", [name], "Input should be a valid string", body[name]);
    sides.push(texts);
  }
  const [left = [], right = []] = sides;
  if (left.length > 1 && left.length !== right.length)
    return { status: 400, message: "Input lengths must be either 1:1, 1:N or N:N" };
  return right.map((text, index) => [left[index] ?? left[0] ?? "", text] as const);
}

function readScore(body: JsonObject): Ask | WireError {
  const pairs = pairsOf(body);
  if (!Array.isArray(pairs)) return pairs;
  const tokens = pairs.reduce((sum, [left, right]) => sum + simulatedTokens(left) + simulatedTokens(right), 0);
  return comparisonAsk(body, pairs.flat(), tokens);
}

function writeScore(ask: Ask, turn: Turn): Script {
  const texts = ask.prompts.map((prompt) => prompt.texts[0] ?? "");
  const data: JsonObject[] = [];
  for (let at = 0; at + 1 < texts.length; at += 2)
    data.push({ index: at / 2, object: "score", score: similarity(texts[at] ?? "", texts[at + 1] ?? "") });
  return comparisonScript(ask, {
    id: `score-${turn.id}`,
    object: "list",
    created: turn.createdAtSeconds,
    model: ask.modelAsked,
    data,
    usage: { prompt_tokens: ask.promptTokens, total_tokens: ask.promptTokens },
  });
}
