import type { Wire } from "../../core/wire.ts";
import { anthropicMessages } from "../anthropic-messages/index.ts";
import { doesNotStream } from "../does-not-stream.ts";
import { decodeRequest, encodeRequest } from "./request.ts";
import { decodeAnswer, encodeAnswer } from "./response.ts";

/** Anthropic's count of a message's tokens, before it is sent. Its errors and headers are the message's own. */
export const anthropicCountTokens: Wire = {
  name: "anthropic-count-tokens",
  operation: "tokenize",
  streams: false,
  terminator: "",
  decodeRequest,
  encodeRequest,
  decodeStream: doesNotStream,
  encodeStream: doesNotStream,
  decodeAnswer,
  encodeAnswer,
  decodeFailure: anthropicMessages.decodeFailure,
  encodeFailure: anthropicMessages.encodeFailure,
  rateHeaders: anthropicMessages.rateHeaders,
};
