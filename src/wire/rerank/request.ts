import type { Body, RerankDraft } from "../../core/draft.ts";
import { isJsonObject } from "../../core/json.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import { carrying } from "../carry.ts";
import { type Complaint, Fields, given, isList } from "../read.ts";
import { NAME } from "./words.ts";

const SPOKEN = new Set(["model", "query", "documents", "top_n", "return_documents", "user"]);
/** Cohere's advice, and more than any of the three takes at once in practice. */
const MAX_DOCUMENTS = 1000;

/** Reads a body of `POST /rerank`. A document is a text, or an object with one. */
export function decodeRequest(body: Body): Result<RerankDraft> {
  const complaint: Complaint = { failure: undefined };
  const fields = new Fields(body.value, "", complaint);
  const query = fields.text("query");
  if (query === undefined) fields.missing("query");
  const unread = new Set(Object.keys(body.value).filter((field) => !SPOKEN.has(field)));
  const draft: RerankDraft = {
    operation: "rerank",
    model: fields.alias("model"),
    query: query ?? "",
    documents: readDocuments(fields, unread),
    ...given({
      topN: fields.number("top_n", { min: 1, integer: true }),
      returnDocuments: fields.boolean("return_documents"),
      endUser: fields.displayName("user"),
    }),
    unknownFields: [...unread],
  };
  return complaint.failure ? fail(complaint.failure) : ok(draft);
}

/** What an object holds beside its text is named in `unread`. */
function readDocuments(fields: Fields, unread: Set<string>): readonly string[] {
  const value = fields.value("documents");
  if (value === undefined) fields.missing("documents");
  else if (!isList(value)) fields.complain("documents", "must be a list", "invalid_type");
  if (!isList(value)) return [];
  if (value.length === 0) fields.complain("documents", "must not be empty", "invalid_value");
  if (value.length > MAX_DOCUMENTS)
    fields.complain("documents", `must hold at most ${MAX_DOCUMENTS} documents`, "invalid_value");
  const texts: string[] = [];
  for (const [i, item] of value.entries()) {
    const { text, ...beside } = isJsonObject(item) ? item : { text: item };
    for (const key of Object.keys(beside)) unread.add(`documents[].${key}`);
    if (typeof text === "string") texts.push(text);
    else fields.complain(`documents[${i}]`, "must be a string or an object with a text", "invalid_type");
  }
  return texts;
}

/** A body for `POST /rerank`. */
export const encodeRequest = carrying({
  wire: NAME,
  operation: "rerank",
  path: "/rerank",
  build: ({ model }, draft) =>
    ok({
      model,
      query: draft.query,
      documents: draft.documents,
      ...given({ top_n: draft.topN, return_documents: draft.returnDocuments }),
    }),
});
