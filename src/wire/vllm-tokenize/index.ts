import type { Wire } from "../../core/wire.ts";
import { doesNotStream } from "../does-not-stream.ts";
import { decodeFailure, encodeFailure, rateHeaders } from "../openai-chat/error.ts";
import { decodeRequest, encodeRequest } from "./request.ts";
import { decodeAnswer, encodeAnswer } from "./response.ts";

/** vLLM's `/tokenize`, which stands beside `/v1`: what a chat takes by the model's own tokenizer and template. */
export const vllmTokenize: Wire = {
  name: "vllm-tokenize",
  operation: "tokenize",
  streams: false,
  terminator: "",
  decodeRequest,
  encodeRequest,
  decodeStream: doesNotStream,
  encodeStream: doesNotStream,
  decodeAnswer,
  encodeAnswer,
  decodeFailure,
  encodeFailure,
  rateHeaders,
};
