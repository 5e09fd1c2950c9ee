import type { Answer, RerankAnswer } from "../core/answer.ts";
import type { Draft } from "../core/draft.ts";
import { fail, ok, type Result } from "../core/result.ts";
import { protocol } from "./running-attempt.ts";

/**
 * Holds a ranking to its question: no rank of a document that was not sent, no more than were asked for, and the documents repeated where the
 * caller said so and nowhere else. Backends differ in all three. `changed`: the backend's own text no longer says the same.
 */
export function asAsked(draft: Draft, answer: Answer): Result<{ readonly answer: Answer; readonly changed: boolean }> {
  if (draft.operation !== "rerank" || answer.operation !== "rerank") return ok({ answer, changed: false });
  const { documents, topN = documents.length, returnDocuments } = draft;
  if (answer.results.some(({ index }) => index >= documents.length)) return fail(protocol("rank_of_no_document"));
  let changed = answer.results.length > topN;
  const results = answer.results.slice(0, topN).map((result): RerankAnswer["results"][number] => {
    const { document, ...rank } = result;
    if (returnDocuments === undefined || returnDocuments === (document !== undefined)) return result;
    changed = true;
    return returnDocuments ? { ...rank, document: { text: documents[rank.index] ?? "" } } : rank;
  });
  return ok({ answer: changed ? { ...answer, results } : answer, changed });
}
