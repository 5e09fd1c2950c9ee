import type { Body, EmbedDraft } from "../../core/draft.ts";
import { fail, ok, type Result } from "../../core/result.ts";
import { carrying } from "../carry.ts";
import { readInputs } from "../inputs.ts";
import { type Complaint, Fields, given } from "../read.ts";
import { NAME } from "./words.ts";

const SPOKEN = new Set(["model", "input", "dimensions", "encoding_format", "user"]);

/** Reads a body of `POST /embeddings`. `input` is a text, a list of texts, a list of tokens, or a list of lists of tokens. */
export function decodeRequest(body: Body): Result<EmbedDraft> {
  const complaint: Complaint = { failure: undefined };
  const fields = new Fields(body.value, "", complaint);
  const encoding = fields.text("encoding_format") ?? "float";
  if (encoding !== "float" && encoding !== "base64") {
    fields.complain("encoding_format", "must be float or base64", "invalid_value");
  }
  const draft: EmbedDraft = {
    operation: "embed",
    model: fields.alias("model"),
    inputs: readInputs(fields, "input"),
    encoding: encoding === "base64" ? "base64" : "float",
    ...given({
      dimensions: fields.number("dimensions", { min: 1, integer: true }),
      endUser: fields.displayName("user"),
    }),
    unknownFields: Object.keys(body.value).filter((field) => !SPOKEN.has(field)),
  };
  return complaint.failure ? fail(complaint.failure) : ok(draft);
}

/** A body for `POST /embeddings`. */
export const encodeRequest = carrying({
  wire: NAME,
  operation: "embed",
  path: "/embeddings",
  build: ({ model }, draft) =>
    ok({
      model,
      input: draft.inputs,
      encoding_format: draft.encoding,
      ...given({ dimensions: draft.dimensions, user: draft.endUser }),
    }),
});
