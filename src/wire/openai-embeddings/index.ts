import type { Wire } from "../../core/wire.ts";
import { decodeFailure, encodeFailure, rateHeaders } from "../openai-chat/error.ts";
import { WHOLE } from "../whole.ts";
import { decodeRequest, encodeRequest } from "./request.ts";
import { decodeAnswer, encodeAnswer } from "./response.ts";

/** OpenAI's Embeddings, as OpenAI and vLLM speak it. Its errors and headers are those of OpenAI's other endpoints. */
export const openAiEmbeddings: Wire = {
  name: "openai-embeddings",
  operation: "embed",
  ...WHOLE,
  decodeRequest,
  encodeRequest,
  decodeAnswer,
  encodeAnswer,
  decodeFailure,
  encodeFailure,
  rateHeaders,
};
