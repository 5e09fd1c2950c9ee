import type { Wire } from "../../core/wire.ts";
import { decodeFailure, encodeFailure, rateHeaders } from "../openai-chat/error.ts";
import { WHOLE } from "../whole.ts";
import { decodeRequest, encodeRequest } from "./request.ts";
import { decodeAnswer, encodeAnswer } from "./response.ts";

/** `/rerank`, as vLLM, Cohere (version 2) and Jina speak it. Its errors are told as OpenAI's, which vLLM's are. */
export const rerank: Wire = {
  name: "rerank",
  operation: "rerank",
  ...WHOLE,
  decodeRequest,
  encodeRequest,
  decodeAnswer,
  encodeAnswer,
  decodeFailure,
  encodeFailure,
  rateHeaders,
};
