import type { Result } from "../../core/result.ts";
import type { AttemptRequest, WireRequest } from "../../core/wire.ts";
import { untranslatable } from "../translations.ts";
import { runOf } from "../workers-ai/run.ts";

/**
 * `{"query": …, "contexts": [{"text": …}], "top_k": …}`, in which no text may be empty. How many are ranked where nobody says so is the model's
 * business there: all of them is what a caller of `/rerank` means.
 */
export function encodeRequest(attempt: AttemptRequest): Result<WireRequest> {
  const { draft } = attempt;
  if (draft.operation !== "rerank") throw new Error("a reranking format was asked to carry another operation");
  const { query, documents, topN = documents.length } = draft;
  const empty = query === "" ? "query" : documents.includes("") ? "documents" : undefined;
  if (empty !== undefined) return untranslatable(empty, "the backend of this model takes no empty text");
  const contexts = documents.map((text) => ({ text }));
  return runOf(attempt, { query, contexts, top_k: Math.min(topN, documents.length) });
}
