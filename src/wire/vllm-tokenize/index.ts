import type { Wire } from "../../core/wire.ts";
import { decodeFailure, encodeFailure, rateHeaders } from "../openai-chat/error.ts";
import { countsUnder } from "../token-count.ts";
import { WHOLE } from "../whole.ts";
import { decodeRequest, encodeRequest } from "./request.ts";
import { NAME } from "./words.ts";

/** vLLM's `/tokenize`, which stands beside `/v1`: what a chat takes by the model's own tokenizer and template. */
export const vllmTokenize: Wire = {
  name: NAME,
  operation: "tokenize",
  ...WHOLE,
  decodeRequest,
  encodeRequest,
  ...countsUnder(NAME, "count"),
  decodeFailure,
  encodeFailure,
  rateHeaders,
};
